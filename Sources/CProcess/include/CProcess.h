// Functions that Swift cannot call (prctl(2) is variadic, mallopt(3) is in no module), and the code
// that runs between the start of a sandbox and the start of the agent.

#ifndef AIPM_CPROCESS_H
#define AIPM_CPROCESS_H

#include <stddef.h>

/// PR_SET_DUMPABLE 0: closes memory, environment and files of this process to other processes of
/// the same user (ptrace(2), proc(5)). 0 on success.
int cprocess_close_to_others(void);

/// Returns freed memory of 256 KiB and more to the system, limits threads to two heaps, and joins small
/// free blocks when they are freed.
void cprocess_configure_memory(void);

/// Returns the freed pages of all heaps to the system (malloc_trim(3)).
void cprocess_trim_memory(void);

/// Names the calling thread, for debuggers and `ps -L`; at most 15 characters.
void cprocess_name_thread(const char *name);

// MARK: The first process in a sandbox (confine.c)

/// The first process in a sandbox: limits itself, opens the requested listeners and passes them to
/// the worker, filters system calls, and executes the agent.
///
/// Arguments, after the program's name and its subcommand:
///   --launch-socket PATH   the worker's unix socket; required
///   --listen PORT   a listener on 127.0.0.1, which is passed to the worker; may be repeated
///   --fsize BYTES   the largest file (RLIMIT_FSIZE)
///   --data BYTES    the most memory of one process (RLIMIT_DATA)
///   --nofile N      the most open files (RLIMIT_NOFILE, soft)
///   -- PROGRAM ARGUMENT…
///
/// Returns only if it failed: the exit code. The reason is printed to standard error and, if the
/// worker was reached, reported to it.
int cprocess_confine(int argc, char *const argv[]);

/// Messages of the first process in a sandbox.
enum {
  /// The listeners are attached; `cprocess_launch_admit` lets it continue.
  CPROCESS_LAUNCH_READY = 'L',
  /// The program could not be started; an errno follows.
  CPROCESS_LAUNCH_FAILED = 'E',
};

/// The maximum number of listeners of one sandbox.
#define CPROCESS_LISTENERS_MAX 16

/// Creates a unix socket that listens at `name` in the open folder `folder`; only this user may
/// connect. The full path may be longer than a socket address allows (unix(7)).
/// A descriptor, or -1 with errno.
int cprocess_launch_open(int folder, const char *name);

/// Waits for the one connection, at most `timeout_ms`. A descriptor, or -1 with errno; ETIMEDOUT.
int cprocess_launch_accept(int listener, int timeout_ms);

/// The id of the process that connected (SO_PEERCRED, unix(7)), as this process sees it; -1 with
/// errno.
int cprocess_launch_peer(int connection);

/// Receives the listeners of a sandbox, stored in `listeners`. Their count, or -1 with errno;
/// EPROTO if the message is invalid or a descriptor is not a socket that listens on 127.0.0.1.
int cprocess_launch_receive(int connection, int timeout_ms, int listeners[CPROCESS_LISTENERS_MAX]);

/// Lets the sandbox's first process continue. 0, or -1 with errno.
int cprocess_launch_admit(int connection);

/// Waits until the program runs. 0 then; the errno of its failed start; -1 with errno if that
/// cannot be determined.
int cprocess_launch_await_start(int connection, int timeout_ms);

// MARK: Mounts and users (mounts.c)

#include "mounts.h"

#endif
