#include "CAssets.h"

/* The files of Sources/WebUI/page, one entry each; a tidy test compares this list with the folder.
   The compiler's depfile names what #embed reads, so an edit of such a file builds this anew. */

static const unsigned char app_js[] = {
#embed "../WebUI/page/app.js"
};

static const unsigned char audit_export_js[] = {
#embed "../WebUI/page/audit/export.js"
};

static const unsigned char audit_page_js[] = {
#embed "../WebUI/page/audit/page.js"
};

static const unsigned char conversation_ask_js[] = {
#embed "../WebUI/page/conversation/ask.js"
};

static const unsigned char conversation_comments_js[] = {
#embed "../WebUI/page/conversation/comments.js"
};

static const unsigned char conversation_conversation_css[] = {
#embed "../WebUI/page/conversation/conversation.css"
};

static const unsigned char conversation_conversation_js[] = {
#embed "../WebUI/page/conversation/conversation.js"
};

static const unsigned char conversation_rounds_js[] = {
#embed "../WebUI/page/conversation/rounds.js"
};

static const unsigned char delegate_agents_js[] = {
#embed "../WebUI/page/delegate/agents.js"
};

static const unsigned char delegate_check_js[] = {
#embed "../WebUI/page/delegate/check.js"
};

static const unsigned char delegate_derive_js[] = {
#embed "../WebUI/page/delegate/derive.js"
};

static const unsigned char delegate_form_css[] = {
#embed "../WebUI/page/delegate/form.css"
};

static const unsigned char delegate_issue_js[] = {
#embed "../WebUI/page/delegate/issue.js"
};
static const unsigned char delegate_page_js[] = {
#embed "../WebUI/page/delegate/page.js"
};

static const unsigned char delegation_activity_js[] = {
#embed "../WebUI/page/delegation/activity.js"
};

static const unsigned char delegation_agents_js[] = {
#embed "../WebUI/page/delegation/agents.js"
};

static const unsigned char delegation_attempts_js[] = {
#embed "../WebUI/page/delegation/attempts.js"
};

static const unsigned char delegation_colours_js[] = {
#embed "../WebUI/page/delegation/colours.js"
};

static const unsigned char delegation_delegation_js[] = {
#embed "../WebUI/page/delegation/delegation.js"
};

static const unsigned char delegation_diff_js[] = {
#embed "../WebUI/page/delegation/diff.js"
};

static const unsigned char delegation_file_js[] = {
#embed "../WebUI/page/delegation/file.js"
};

static const unsigned char delegation_lines_js[] = {
#embed "../WebUI/page/delegation/lines.js"
};

static const unsigned char delegation_network_js[] = {
#embed "../WebUI/page/delegation/network.js"
};

static const unsigned char delegation_next_js[] = {
#embed "../WebUI/page/delegation/next.js"
};

static const unsigned char delegation_output_js[] = {
#embed "../WebUI/page/delegation/output.js"
};

static const unsigned char delegation_page_js[] = {
#embed "../WebUI/page/delegation/page.js"
};

static const unsigned char delegation_patch_js[] = {
#embed "../WebUI/page/delegation/patch.js"
};

static const unsigned char delegation_pictures_js[] = {
#embed "../WebUI/page/delegation/pictures.js"
};

static const unsigned char delegation_review_css[] = {
#embed "../WebUI/page/delegation/review.css"
};

static const unsigned char delegation_search_js[] = {
#embed "../WebUI/page/delegation/search.js"
};

static const unsigned char delegation_steps_js[] = {
#embed "../WebUI/page/delegation/steps.js"
};

static const unsigned char delegation_tabs_js[] = {
#embed "../WebUI/page/delegation/tabs.js"
};

static const unsigned char delegation_timeline_js[] = {
#embed "../WebUI/page/delegation/timeline.js"
};

static const unsigned char delegation_tree_js[] = {
#embed "../WebUI/page/delegation/tree.js"
};

static const unsigned char delegation_viewed_js[] = {
#embed "../WebUI/page/delegation/viewed.js"
};

static const unsigned char delegations_board_js[] = {
#embed "../WebUI/page/delegations/board.js"
};

static const unsigned char delegations_filter_bar_js[] = {
#embed "../WebUI/page/delegations/filter-bar.js"
};

static const unsigned char delegations_list_css[] = {
#embed "../WebUI/page/delegations/list.css"
};

static const unsigned char delegations_page_js[] = {
#embed "../WebUI/page/delegations/page.js"
};

static const unsigned char delegations_row_js[] = {
#embed "../WebUI/page/delegations/row.js"
};

static const unsigned char delegations_selection_js[] = {
#embed "../WebUI/page/delegations/selection.js"
};

static const unsigned char delegations_virtual_js[] = {
#embed "../WebUI/page/delegations/virtual.js"
};

static const unsigned char first_js[] = {
#embed "../WebUI/page/first.js"
};

static const unsigned char health_chart_js[] = {
#embed "../WebUI/page/health/chart.js"
};

static const unsigned char health_page_js[] = {
#embed "../WebUI/page/health/page.js"
};

static const unsigned char icon_svg[] = {
#embed "../WebUI/page/icon.svg"
};

static const unsigned char icons_1_svg[] = {
#embed "../WebUI/page/icons/1.svg"
};

static const unsigned char icons_2_svg[] = {
#embed "../WebUI/page/icons/2.svg"
};

static const unsigned char icons_3_svg[] = {
#embed "../WebUI/page/icons/3.svg"
};

static const unsigned char icons_4_svg[] = {
#embed "../WebUI/page/icons/4.svg"
};

static const unsigned char icons_5_svg[] = {
#embed "../WebUI/page/icons/5.svg"
};

static const unsigned char icons_6_svg[] = {
#embed "../WebUI/page/icons/6.svg"
};

static const unsigned char icons_7_svg[] = {
#embed "../WebUI/page/icons/7.svg"
};

static const unsigned char icons_8_svg[] = {
#embed "../WebUI/page/icons/8.svg"
};

static const unsigned char icons_9_svg[] = {
#embed "../WebUI/page/icons/9.svg"
};

static const unsigned char icons_many_svg[] = {
#embed "../WebUI/page/icons/many.svg"
};

static const unsigned char index_html[] = {
#embed "../WebUI/page/index.html"
};

static const unsigned char shared_api_js[] = {
#embed "../WebUI/page/shared/api.js"
};

static const unsigned char shared_base_css[] = {
#embed "../WebUI/page/shared/base.css"
};

static const unsigned char shared_created_js[] = {
#embed "../WebUI/page/shared/created.js"
};

static const unsigned char shared_detail_css[] = {
#embed "../WebUI/page/shared/detail.css"
};

static const unsigned char shared_dom_js[] = {
#embed "../WebUI/page/shared/dom.js"
};

static const unsigned char shared_draft_js[] = {
#embed "../WebUI/page/shared/draft.js"
};

static const unsigned char shared_envelopes_js[] = {
#embed "../WebUI/page/shared/envelopes.js"
};

static const unsigned char shared_feed_js[] = {
#embed "../WebUI/page/shared/feed.js"
};

static const unsigned char shared_fields_js[] = {
#embed "../WebUI/page/shared/fields.js"
};

static const unsigned char shared_filters_js[] = {
#embed "../WebUI/page/shared/filters.js"
};

static const unsigned char shared_fleet_css[] = {
#embed "../WebUI/page/shared/fleet.css"
};

static const unsigned char shared_keys_js[] = {
#embed "../WebUI/page/shared/keys.js"
};

static const unsigned char shared_marks_js[] = {
#embed "../WebUI/page/shared/marks.js"
};

static const unsigned char shared_me_js[] = {
#embed "../WebUI/page/shared/me.js"
};

static const unsigned char shared_memory_js[] = {
#embed "../WebUI/page/shared/memory.js"
};

static const unsigned char shared_notices_js[] = {
#embed "../WebUI/page/shared/notices.js"
};

static const unsigned char shared_palette_js[] = {
#embed "../WebUI/page/shared/palette.js"
};

static const unsigned char shared_phases_js[] = {
#embed "../WebUI/page/shared/phases.js"
};

static const unsigned char shared_queue_js[] = {
#embed "../WebUI/page/shared/queue.js"
};

static const unsigned char shared_rows_js[] = {
#embed "../WebUI/page/shared/rows.js"
};

static const unsigned char shared_stream_js[] = {
#embed "../WebUI/page/shared/stream.js"
};

static const unsigned char shared_tasks_js[] = {
#embed "../WebUI/page/shared/tasks.js"
};

static const unsigned char shared_terminal_js[] = {
#embed "../WebUI/page/shared/terminal.js"
};

static const unsigned char shared_time_js[] = {
#embed "../WebUI/page/shared/time.js"
};

static const unsigned char shared_words_js[] = {
#embed "../WebUI/page/shared/words.js"
};

static const unsigned char sign_in_page_js[] = {
#embed "../WebUI/page/sign-in/page.js"
};

static const unsigned char usage_page_js[] = {
#embed "../WebUI/page/usage/page.js"
};

static const unsigned char workers_page_js[] = {
#embed "../WebUI/page/workers/page.js"
};

static const char html[] = "text/html; charset=utf-8";
static const char css[] = "text/css; charset=utf-8";
static const char script[] = "text/javascript; charset=utf-8";
static const char svg[] = "image/svg+xml";

static const struct aipm_file files[] = {
    {"app.js", script, {app_js, sizeof app_js}},
    {"audit/export.js", script, {audit_export_js, sizeof audit_export_js}},
    {"audit/page.js", script, {audit_page_js, sizeof audit_page_js}},
    {"conversation/ask.js", script, {conversation_ask_js, sizeof conversation_ask_js}},
    {"conversation/comments.js", script, {conversation_comments_js, sizeof conversation_comments_js}},
    {"conversation/conversation.css", css, {conversation_conversation_css, sizeof conversation_conversation_css}},
    {"conversation/conversation.js", script, {conversation_conversation_js, sizeof conversation_conversation_js}},
    {"conversation/rounds.js", script, {conversation_rounds_js, sizeof conversation_rounds_js}},
    {"delegate/agents.js", script, {delegate_agents_js, sizeof delegate_agents_js}},
    {"delegate/check.js", script, {delegate_check_js, sizeof delegate_check_js}},
    {"delegate/derive.js", script, {delegate_derive_js, sizeof delegate_derive_js}},
    {"delegate/form.css", css, {delegate_form_css, sizeof delegate_form_css}},
    {"delegate/issue.js", script, {delegate_issue_js, sizeof delegate_issue_js}},
    {"delegate/page.js", script, {delegate_page_js, sizeof delegate_page_js}},
    {"delegation/activity.js", script, {delegation_activity_js, sizeof delegation_activity_js}},
    {"delegation/agents.js", script, {delegation_agents_js, sizeof delegation_agents_js}},
    {"delegation/attempts.js", script, {delegation_attempts_js, sizeof delegation_attempts_js}},
    {"delegation/colours.js", script, {delegation_colours_js, sizeof delegation_colours_js}},
    {"delegation/delegation.js", script, {delegation_delegation_js, sizeof delegation_delegation_js}},
    {"delegation/diff.js", script, {delegation_diff_js, sizeof delegation_diff_js}},
    {"delegation/file.js", script, {delegation_file_js, sizeof delegation_file_js}},
    {"delegation/lines.js", script, {delegation_lines_js, sizeof delegation_lines_js}},
    {"delegation/network.js", script, {delegation_network_js, sizeof delegation_network_js}},
    {"delegation/next.js", script, {delegation_next_js, sizeof delegation_next_js}},
    {"delegation/output.js", script, {delegation_output_js, sizeof delegation_output_js}},
    {"delegation/page.js", script, {delegation_page_js, sizeof delegation_page_js}},
    {"delegation/patch.js", script, {delegation_patch_js, sizeof delegation_patch_js}},
    {"delegation/pictures.js", script, {delegation_pictures_js, sizeof delegation_pictures_js}},
    {"delegation/review.css", css, {delegation_review_css, sizeof delegation_review_css}},
    {"delegation/search.js", script, {delegation_search_js, sizeof delegation_search_js}},
    {"delegation/steps.js", script, {delegation_steps_js, sizeof delegation_steps_js}},
    {"delegation/tabs.js", script, {delegation_tabs_js, sizeof delegation_tabs_js}},
    {"delegation/timeline.js", script, {delegation_timeline_js, sizeof delegation_timeline_js}},
    {"delegation/tree.js", script, {delegation_tree_js, sizeof delegation_tree_js}},
    {"delegation/viewed.js", script, {delegation_viewed_js, sizeof delegation_viewed_js}},
    {"delegations/board.js", script, {delegations_board_js, sizeof delegations_board_js}},
    {"delegations/filter-bar.js", script, {delegations_filter_bar_js, sizeof delegations_filter_bar_js}},
    {"delegations/list.css", css, {delegations_list_css, sizeof delegations_list_css}},
    {"delegations/page.js", script, {delegations_page_js, sizeof delegations_page_js}},
    {"delegations/row.js", script, {delegations_row_js, sizeof delegations_row_js}},
    {"delegations/selection.js", script, {delegations_selection_js, sizeof delegations_selection_js}},
    {"delegations/virtual.js", script, {delegations_virtual_js, sizeof delegations_virtual_js}},
    {"first.js", script, {first_js, sizeof first_js}},
    {"health/chart.js", script, {health_chart_js, sizeof health_chart_js}},
    {"health/page.js", script, {health_page_js, sizeof health_page_js}},
    {"icon.svg", svg, {icon_svg, sizeof icon_svg}},
    {"icons/1.svg", svg, {icons_1_svg, sizeof icons_1_svg}},
    {"icons/2.svg", svg, {icons_2_svg, sizeof icons_2_svg}},
    {"icons/3.svg", svg, {icons_3_svg, sizeof icons_3_svg}},
    {"icons/4.svg", svg, {icons_4_svg, sizeof icons_4_svg}},
    {"icons/5.svg", svg, {icons_5_svg, sizeof icons_5_svg}},
    {"icons/6.svg", svg, {icons_6_svg, sizeof icons_6_svg}},
    {"icons/7.svg", svg, {icons_7_svg, sizeof icons_7_svg}},
    {"icons/8.svg", svg, {icons_8_svg, sizeof icons_8_svg}},
    {"icons/9.svg", svg, {icons_9_svg, sizeof icons_9_svg}},
    {"icons/many.svg", svg, {icons_many_svg, sizeof icons_many_svg}},
    {"index.html", html, {index_html, sizeof index_html}},
    {"shared/api.js", script, {shared_api_js, sizeof shared_api_js}},
    {"shared/base.css", css, {shared_base_css, sizeof shared_base_css}},
    {"shared/created.js", script, {shared_created_js, sizeof shared_created_js}},
    {"shared/detail.css", css, {shared_detail_css, sizeof shared_detail_css}},
    {"shared/dom.js", script, {shared_dom_js, sizeof shared_dom_js}},
    {"shared/draft.js", script, {shared_draft_js, sizeof shared_draft_js}},
    {"shared/envelopes.js", script, {shared_envelopes_js, sizeof shared_envelopes_js}},
    {"shared/feed.js", script, {shared_feed_js, sizeof shared_feed_js}},
    {"shared/fields.js", script, {shared_fields_js, sizeof shared_fields_js}},
    {"shared/filters.js", script, {shared_filters_js, sizeof shared_filters_js}},
    {"shared/fleet.css", css, {shared_fleet_css, sizeof shared_fleet_css}},
    {"shared/keys.js", script, {shared_keys_js, sizeof shared_keys_js}},
    {"shared/marks.js", script, {shared_marks_js, sizeof shared_marks_js}},
    {"shared/me.js", script, {shared_me_js, sizeof shared_me_js}},
    {"shared/memory.js", script, {shared_memory_js, sizeof shared_memory_js}},
    {"shared/notices.js", script, {shared_notices_js, sizeof shared_notices_js}},
    {"shared/palette.js", script, {shared_palette_js, sizeof shared_palette_js}},
    {"shared/phases.js", script, {shared_phases_js, sizeof shared_phases_js}},
    {"shared/queue.js", script, {shared_queue_js, sizeof shared_queue_js}},
    {"shared/rows.js", script, {shared_rows_js, sizeof shared_rows_js}},
    {"shared/stream.js", script, {shared_stream_js, sizeof shared_stream_js}},
    {"shared/tasks.js", script, {shared_tasks_js, sizeof shared_tasks_js}},
    {"shared/terminal.js", script, {shared_terminal_js, sizeof shared_terminal_js}},
    {"shared/time.js", script, {shared_time_js, sizeof shared_time_js}},
    {"shared/words.js", script, {shared_words_js, sizeof shared_words_js}},
    {"sign-in/page.js", script, {sign_in_page_js, sizeof sign_in_page_js}},
    {"usage/page.js", script, {usage_page_js, sizeof usage_page_js}},
    {"workers/page.js", script, {workers_page_js, sizeof workers_page_js}},
};

size_t aipm_web_file_count(void) { return sizeof files / sizeof files[0]; }

struct aipm_file aipm_web_file(size_t index) { return files[index]; }
