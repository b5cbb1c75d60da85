#include "CAssets.h"

/* The web page's files, one entry each; a tidy test compares this list with the folder. The
   compiler's depfile names what #embed reads, so an edit of such a file builds this anew. */

static const unsigned char activity_js[] = {
#embed "web/activity.js"
};

static const unsigned char api_js[] = {
#embed "web/api.js"
};

static const unsigned char app_js[] = {
#embed "web/app.js"
};

static const unsigned char base_css[] = {
#embed "web/base.css"
};

static const unsigned char chart_js[] = {
#embed "web/chart.js"
};

static const unsigned char check_js[] = {
#embed "web/check.js"
};

static const unsigned char delegation_js[] = {
#embed "web/delegation.js"
};

static const unsigned char detail_css[] = {
#embed "web/detail.css"
};

static const unsigned char diff_js[] = {
#embed "web/diff.js"
};

static const unsigned char dom_js[] = {
#embed "web/dom.js"
};

static const unsigned char draft_js[] = {
#embed "web/draft.js"
};

static const unsigned char envelopes_js[] = {
#embed "web/envelopes.js"
};

static const unsigned char export_js[] = {
#embed "web/export.js"
};

static const unsigned char feed_js[] = {
#embed "web/feed.js"
};

static const unsigned char fields_js[] = {
#embed "web/fields.js"
};

static const unsigned char first_js[] = {
#embed "web/first.js"
};

static const unsigned char fleet_css[] = {
#embed "web/fleet.css"
};

static const unsigned char form_css[] = {
#embed "web/form.css"
};

static const unsigned char icon_svg[] = {
#embed "web/icon.svg"
};

static const unsigned char index_html[] = {
#embed "web/index.html"
};

static const unsigned char keys_js[] = {
#embed "web/keys.js"
};

static const unsigned char list_js[] = {
#embed "web/list.js"
};

static const unsigned char marks_js[] = {
#embed "web/marks.js"
};

static const unsigned char memory_js[] = {
#embed "web/memory.js"
};

static const unsigned char network_js[] = {
#embed "web/network.js"
};

static const unsigned char output_js[] = {
#embed "web/output.js"
};

static const unsigned char page_audit_js[] = {
#embed "web/page-audit.js"
};

static const unsigned char page_delegate_js[] = {
#embed "web/page-delegate.js"
};

static const unsigned char page_delegation_js[] = {
#embed "web/page-delegation.js"
};

static const unsigned char page_delegations_js[] = {
#embed "web/page-delegations.js"
};

static const unsigned char page_health_js[] = {
#embed "web/page-health.js"
};

static const unsigned char page_workers_js[] = {
#embed "web/page-workers.js"
};

static const unsigned char pages_css[] = {
#embed "web/pages.css"
};

static const unsigned char receipt_js[] = {
#embed "web/receipt.js"
};

static const unsigned char rows_js[] = {
#embed "web/rows.js"
};

static const unsigned char stream_js[] = {
#embed "web/stream.js"
};

static const unsigned char tabs_js[] = {
#embed "web/tabs.js"
};

static const unsigned char terminal_js[] = {
#embed "web/terminal.js"
};

static const unsigned char time_js[] = {
#embed "web/time.js"
};

static const unsigned char timeline_js[] = {
#embed "web/timeline.js"
};

static const unsigned char virtual_js[] = {
#embed "web/virtual.js"
};

static const unsigned char words_js[] = {
#embed "web/words.js"
};

static const char html[] = "text/html; charset=utf-8";
static const char css[] = "text/css; charset=utf-8";
static const char script[] = "text/javascript; charset=utf-8";
static const char svg[] = "image/svg+xml";

static const struct aipm_file files[] = {
    {"activity.js", script, {activity_js, sizeof activity_js}},
    {"api.js", script, {api_js, sizeof api_js}},
    {"app.js", script, {app_js, sizeof app_js}},
    {"base.css", css, {base_css, sizeof base_css}},
    {"chart.js", script, {chart_js, sizeof chart_js}},
    {"check.js", script, {check_js, sizeof check_js}},
    {"delegation.js", script, {delegation_js, sizeof delegation_js}},
    {"detail.css", css, {detail_css, sizeof detail_css}},
    {"diff.js", script, {diff_js, sizeof diff_js}},
    {"dom.js", script, {dom_js, sizeof dom_js}},
    {"draft.js", script, {draft_js, sizeof draft_js}},
    {"envelopes.js", script, {envelopes_js, sizeof envelopes_js}},
    {"export.js", script, {export_js, sizeof export_js}},
    {"feed.js", script, {feed_js, sizeof feed_js}},
    {"fields.js", script, {fields_js, sizeof fields_js}},
    {"first.js", script, {first_js, sizeof first_js}},
    {"fleet.css", css, {fleet_css, sizeof fleet_css}},
    {"form.css", css, {form_css, sizeof form_css}},
    {"icon.svg", svg, {icon_svg, sizeof icon_svg}},
    {"index.html", html, {index_html, sizeof index_html}},
    {"keys.js", script, {keys_js, sizeof keys_js}},
    {"list.js", script, {list_js, sizeof list_js}},
    {"marks.js", script, {marks_js, sizeof marks_js}},
    {"memory.js", script, {memory_js, sizeof memory_js}},
    {"network.js", script, {network_js, sizeof network_js}},
    {"output.js", script, {output_js, sizeof output_js}},
    {"page-audit.js", script, {page_audit_js, sizeof page_audit_js}},
    {"page-delegate.js", script, {page_delegate_js, sizeof page_delegate_js}},
    {"page-delegation.js", script, {page_delegation_js, sizeof page_delegation_js}},
    {"page-delegations.js", script, {page_delegations_js, sizeof page_delegations_js}},
    {"page-health.js", script, {page_health_js, sizeof page_health_js}},
    {"page-workers.js", script, {page_workers_js, sizeof page_workers_js}},
    {"pages.css", css, {pages_css, sizeof pages_css}},
    {"receipt.js", script, {receipt_js, sizeof receipt_js}},
    {"rows.js", script, {rows_js, sizeof rows_js}},
    {"stream.js", script, {stream_js, sizeof stream_js}},
    {"tabs.js", script, {tabs_js, sizeof tabs_js}},
    {"terminal.js", script, {terminal_js, sizeof terminal_js}},
    {"time.js", script, {time_js, sizeof time_js}},
    {"timeline.js", script, {timeline_js, sizeof timeline_js}},
    {"virtual.js", script, {virtual_js, sizeof virtual_js}},
    {"words.js", script, {words_js, sizeof words_js}},
};

size_t aipm_web_file_count(void) { return sizeof files / sizeof files[0]; }

struct aipm_file aipm_web_file(size_t index) { return files[index]; }
