// What Swift cannot call: prctl(2) takes a variable list of arguments.

#ifndef AIPM_CPROCESS_H
#define AIPM_CPROCESS_H

/// PR_SET_DUMPABLE 0: memory, environment and files of this process are closed to others of the
/// same user (ptrace(2), proc(5)). 0 where it is so.
int cprocess_close_to_others(void);

#endif
