#define _GNU_SOURCE
#include "CProcess.h"

#include <pthread.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

void cprocess_give_memory_back(void) {
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_ARENA_MAX, 2);
}
#else
void cprocess_give_memory_back(void) {}
#endif

#ifdef __linux__
#include <sys/prctl.h>

int cprocess_close_to_others(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
#else
int cprocess_close_to_others(void) { return 0; }
#endif

void cprocess_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
