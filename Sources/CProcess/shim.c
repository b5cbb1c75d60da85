#define _GNU_SOURCE
#include "CProcess.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>

void cprocess_configure_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_ARENA_MAX, 2);
  // Else a block of over a kilobyte first joins all small free ones, a sixth of the time of an append.
  mallopt(M_MXFAST, 0);
}

void cprocess_trim_memory(void) { malloc_trim(0); }

int cprocess_close_to_others(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void cprocess_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
