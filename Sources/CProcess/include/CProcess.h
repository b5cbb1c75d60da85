// What Swift cannot call: prctl(2) takes a variable list of arguments, mallopt(3) is in no
// module, and what a program does between its start and the start of another one is best said in C.

#ifndef AIPM_CPROCESS_H
#define AIPM_CPROCESS_H

#include <stddef.h>

/// PR_SET_DUMPABLE 0: memory, environment and files of this process are closed to others of the
/// same user (ptrace(2), proc(5)). 0 where it is so.
int cprocess_close_to_others(void);

/// Has memory of 256 KiB and more go back to the system when it is freed, and keeps threads to two
/// heaps. Does nothing where the allocator is another one than glibc's.
void cprocess_give_memory_back(void);

/// Names the calling thread, for debuggers and `ps -L`; at most 15 characters.
void cprocess_name_thread(const char *name);

// MARK: The first process in a sandbox (confine.c)

/// The first process in a sandbox: limits itself, opens the listeners that the worker asked for and
/// passes them to it, closes what the kernel offers beyond a sandbox, and becomes the agent.
///
/// Arguments, after the program's name and its subcommand:
///   --door PATH     the worker's unix socket; required
///   --listen PORT   a listener on 127.0.0.1, which is passed to the worker; may be repeated
///   --fsize BYTES   the largest file (RLIMIT_FSIZE)
///   --data BYTES    the most memory of one process (RLIMIT_DATA)
///   --nofile N      the most open files (RLIMIT_NOFILE, soft)
///   -- PROGRAM ARGUMENT…
///
/// Returns only if it failed: the exit code to end with; what failed stands on standard error and,
/// if the door was reached, was told to the worker.
int cprocess_confine(int argc, char *const argv[]);

/// What the first process of a sandbox told through its door.
enum {
  /// The listeners came; `cprocess_door_admit` lets it go on.
  CPROCESS_DOOR_READY = 'L',
  /// The program could not be started; an errno follows.
  CPROCESS_DOOR_FAILED = 'E',
};

/// The most listeners that one sandbox may pass.
#define CPROCESS_LISTENERS_MAX 16

/// Makes a unix socket that listens at `name` in the open folder `folder`; only this user may
/// connect. The path from the root may be longer than a socket's name may be (unix(7)).
/// A descriptor, or -1 with errno.
int cprocess_door_open(int folder, const char *name);

/// Waits for the one connection, at most `timeout_ms`. A descriptor, or -1 with errno; ETIMEDOUT.
int cprocess_door_accept(int door, int timeout_ms);

/// The number of the process that connected (SO_PEERCRED, unix(7)), as this process sees it; -1 with
/// errno.
int cprocess_door_peer(int connection);

/// Receives the listeners of a sandbox. How many came, each stored in `listeners`; -1 with errno,
/// and EPROTO if what came is not what the first process sends, or no listening socket on
/// 127.0.0.1.
int cprocess_door_receive(int connection, int timeout_ms, int listeners[CPROCESS_LISTENERS_MAX]);

/// Lets the sandbox's first process go on. 0, or -1 with errno.
int cprocess_door_admit(int connection);

/// Waits until the program runs: 0 then; the errno of its failed start; -1 with errno if that
/// cannot be known.
int cprocess_door_await_start(int connection, int timeout_ms);

// MARK: Mounts and users (mounts.c)

#include "mounts.h"

#endif
