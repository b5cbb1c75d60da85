// libcurl with its variadic calls behind typed ones.
//
// Swift cannot call curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt, and in C the
// compiler does not check what is passed to them. Each function here takes one type of value,
// compiler does not check their arguments. Each function here takes one type of value,

#ifndef AIPM_CCURL_H
#define AIPM_CCURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

typedef size_t (*ccurl_bytes_callback)(char *bytes, size_t size, size_t count, void *context);
typedef int (*ccurl_prereq_callback)(void *context, char *remote_address, char *local_address,
                                     int remote_port, int local_port);

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccurl_set_size(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccurl_set_bytes(CURL *easy, CURLoption option, const void *value);
CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);

/// For received bytes of the body.
CURLcode ccurl_set_write(CURL *easy, ccurl_bytes_callback callback, void *context);
/// For received header lines, one per call.
CURLcode ccurl_set_header(CURL *easy, ccurl_bytes_callback callback, void *context);
/// For bytes of the body to send.
CURLcode ccurl_set_read(CURL *easy, ccurl_bytes_callback callback, void *context);
/// Called on an open connection, before the first byte of the request is sent.
CURLcode ccurl_set_prereq(CURL *easy, ccurl_prereq_callback callback, void *context);
/// Uses sockets that child processes do not inherit.
CURLcode ccurl_set_private_sockets(CURL *easy);

CURLcode ccurl_info_long(CURL *easy, CURLINFO info, long *value);
CURLcode ccurl_info_size(CURL *easy, CURLINFO info, curl_off_t *value);
/// The string belongs to the handle.
CURLcode ccurl_info_string(CURL *easy, CURLINFO info, const char **value);

CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
/// Removes the next completed transfer from the queue; false if absent.
bool ccurl_multi_next_done(CURLM *multi, CURL **easy, CURLcode *result);

#endif
