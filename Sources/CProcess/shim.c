#include "CProcess.h"

#ifdef __linux__
#include <sys/prctl.h>

int cprocess_close_to_others(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
#else
int cprocess_close_to_others(void) { return 0; }
#endif
