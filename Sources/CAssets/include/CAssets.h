#pragma once
#include <stddef.h>

/* A file that the binary carries: its bytes, not ended by NUL, for as long as the process lives. */
struct aipm_asset {
  const unsigned char *bytes;
  size_t size;
};

struct aipm_asset aipm_workflow_personal_delegate(void);

/* A file of the web page: its name as a browser asks for it, and its media type. */
struct aipm_file {
  const char *name;
  const char *type;
  struct aipm_asset asset;
};

size_t aipm_web_file_count(void);

/* `index` is below the count. */
struct aipm_file aipm_web_file(size_t index);
