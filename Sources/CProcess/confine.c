// The first process in a sandbox, and the worker's side of the socket between them.
//
// bubblewrap gives a process an empty network, its own /proc and its own root. It does not filter
// system calls, it keeps the worker's session keyring, and it gives the network no connection. This
// program does those three before any agent code runs, and then executes the agent, so an agent
// cannot reach any part of it.
//
// The listeners: a socket belongs to the network namespace in which it was created. So the listener
// for an attempt's proxy is created here, on 127.0.0.1 of the empty network, and passed to the
// worker (SCM_RIGHTS, unix(7)), which accepts from it. No process inside is part of the data path,
// and the socket to the worker is useless after the launch.

#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

// MARK: System calls

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// Numbers that are equal on every architecture and missing from older C libraries' headers.
#ifndef __NR_open_tree
#define __NR_open_tree 428
#define __NR_move_mount 429
#define __NR_fsopen 430
#define __NR_fsconfig 431
#define __NR_fsmount 432
#define __NR_fspick 433
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif

/// Calls that no agent needs and that reach beyond a sandbox: other processes' keys, kernel
/// programs, memory faults used in attacks, mounts, and settings of the machine. EPERM.
static const uint32_t refused_calls[] = {
  __NR_keyctl, __NR_add_key, __NR_request_key, __NR_bpf, __NR_perf_event_open, __NR_userfaultfd,
  __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_setns, __NR_unshare, __NR_open_tree,
  __NR_move_mount, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick, __NR_mount_setattr,
  __NR_open_by_handle_at, __NR_name_to_handle_at, __NR_kexec_load, __NR_init_module,
  __NR_finit_module, __NR_delete_module, __NR_reboot, __NR_swapon, __NR_swapoff, __NR_acct,
  __NR_quotactl, __NR_syslog, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex,
  __NR_clock_adjtime, __NR_sethostname, __NR_setdomainname, __NR_fanotify_init,
#ifdef __NR_kexec_file_load
  __NR_kexec_file_load,
#endif
#ifdef __NR_iopl
  __NR_iopl, __NR_ioperm,
#endif
};

/// Calls for which programs have a fallback: ENOSYS makes them use it. io_uring would bypass the
/// filter.
static const uint32_t unknown_calls[] = {
  __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
  // Its flags are in memory, which a filter cannot read; C libraries fall back to clone.
  __NR_clone3,
  // The queues of System V hold up to 500 MiB in one namespace, and no process limit counts them.
  // The queues of POSIX have RLIMIT_MSGQUEUE.
  __NR_msgget,
};

/// Shared memory of System V (shmget(2)) belongs to no process once it is detached, so only small
/// segments are allowed: 4096 of them, the maximum of a namespace, hold 256 MiB. PostgreSQL takes
/// 56 bytes.
#define SEGMENT_BYTES_MAX (64 << 10)
/// A set of semaphores takes kernel memory too (semget(2)): 32000 sets of 64 hold 130 MiB.
#define SEMAPHORES_MAX 64

/// Kinds of sockets that stay within a network namespace. AF_VSOCK and others do not.
static const uint32_t allowed_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAMESPACES                                                                               \
  (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |     \
   CLONE_NEWCGROUP | CLONE_NEWTIME)

struct program {
  struct sock_filter code[256];
  size_t length;
};

static void put(struct program *program, struct sock_filter instruction) {
  if (program->length < COUNT(program->code)) program->code[program->length] = instruction;
  program->length += 1;
}

static void load(struct program *program, size_t offset) {
  put(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct program *program, uint32_t verdict) {
  put(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/// Returns `verdict` if the loaded value equals `value`.
static void answer_if(struct program *program, uint32_t value, uint32_t verdict) {
  put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
  answer(program, verdict);
}

/// If `call` was loaded: returns `verdict` if its second argument exceeds `limit`, else allows it.
static void limit_second(
    struct program *program, uint32_t call, uint32_t limit, uint32_t verdict) {
  size_t argument = offsetof(struct seccomp_data, args[1]);
  put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 7));
  // Both architectures are little-endian: the upper half comes second.
  load(program, argument + 4);
  put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
  answer(program, verdict);
  load(program, argument);
  put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, limit, 0, 1));
  answer(program, verdict);
  answer(program, SECCOMP_RET_ALLOW);
}

/// Loads the filter of system calls. 0, or -1 with errno.
static int filter_calls(void) {
#ifndef NATIVE_ARCHITECTURE
  errno = ENOTSUP;
  return -1;
#else
  const uint32_t forbidden = SECCOMP_RET_ERRNO | EPERM, unknown = SECCOMP_RET_ERRNO | ENOSYS;
  struct program program = {.length = 0};
  // Calls of another architecture (32-bit programs) have other numbers, so all are refused.
  load(&program, offsetof(struct seccomp_data, arch));
  put(&program,
      (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0));
  answer(&program, unknown);
  load(&program, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
  // x32 is the same architecture with one bit set in the number.
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
  answer(&program, unknown);
#endif
  for (size_t i = 0; i < COUNT(refused_calls); i++) answer_if(&program, refused_calls[i], forbidden);
  for (size_t i = 0; i < COUNT(unknown_calls); i++) answer_if(&program, unknown_calls[i], unknown);
  // clone(flags, …) with a new namespace. The jumps skip the instructions of the call.
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 7));
  load(&program, offsetof(struct seccomp_data, args[0]));
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1));
  answer(&program, forbidden);
  // A thread with its own table of files: the worker counts open files by process.
  put(&program,
      (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD | CLONE_FILES));
  answer_if(&program, CLONE_THREAD, forbidden);
  answer(&program, SECCOMP_RET_ALLOW);
  // socket(family, …)
  uint8_t rest = (uint8_t)(1 + 2 * COUNT(allowed_families) + 1);
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, rest));
  load(&program, offsetof(struct seccomp_data, args[0]));
  for (size_t i = 0; i < COUNT(allowed_families); i++)
    answer_if(&program, allowed_families[i], SECCOMP_RET_ALLOW);
  answer(&program, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  // ioctl(…, TIOCSTI) injects input into a terminal.
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 4));
  load(&program, offsetof(struct seccomp_data, args[1]));
  answer_if(&program, 0x5412, forbidden);
  answer(&program, SECCOMP_RET_ALLOW);
  // prctl(PR_SET_DUMPABLE, …) could hide open files from the worker. Programs use it to protect
  // secrets from other processes of their user, of which there are none here, so it reports success
  // (an errno of 0).
  put(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 4));
  load(&program, offsetof(struct seccomp_data, args[0]));
  answer_if(&program, PR_SET_DUMPABLE, SECCOMP_RET_ERRNO | 0);
  answer(&program, SECCOMP_RET_ALLOW);
  limit_second(&program, __NR_shmget, SEGMENT_BYTES_MAX, SECCOMP_RET_ERRNO | ENOMEM);
  limit_second(&program, __NR_semget, SEMAPHORES_MAX, SECCOMP_RET_ERRNO | EINVAL);
  // Everything else is allowed.
  answer(&program, SECCOMP_RET_ALLOW);
  if (program.length > COUNT(program.code)) {
    errno = E2BIG;
    return -1;
  }
  struct sock_fprog loaded = {.len = (unsigned short)program.length, .filter = program.code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded, 0, 0);
#endif
}

// MARK: The launch, from inside

struct listeners {
  int sockets[CPROCESS_LISTENERS_MAX];
  int count;
};

static int listen_on(uint16_t port) {
  int found = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (found < 0) return -1;
  int yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (setsockopt(found, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(found, (struct sockaddr *)&address, sizeof address) != 0 || listen(found, 128) != 0) {
    int saved = errno;
    close(found);
    errno = saved;
    return -1;
  }
  return found;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return -1;
  struct timeval timeout = {.tv_sec = 10};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0) return connection;
  int saved = errno;
  close(connection);
  errno = saved;
  return -1;
}

static int pass(int connection, const struct listeners *listeners) {
  char letter = CPROCESS_LAUNCH_READY;
  struct iovec part = {.iov_base = &letter, .iov_len = 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * CPROCESS_LISTENERS_MAX)];
    struct cmsghdr aligned;
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (listeners->count > 0) {
    size_t size = sizeof(int) * (size_t)listeners->count;
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(head), listeners->sockets, size);
  }
  if (sendmsg(connection, &message, MSG_NOSIGNAL) != 1) return -1;
  char reply = 0;
  ssize_t got = recv(connection, &reply, 1, 0);
  if (got == 1) return 0;
  if (got == 0) errno = ECONNRESET;
  return -1;
}

static int failed(int connection, const char *what) {
  int reason = errno;
  fprintf(stderr, "aipm: the sandbox could not be set up: %s: %s\n", what, strerror(reason));
  if (connection >= 0) {
    unsigned char report[5] = {CPROCESS_LAUNCH_FAILED};
    uint32_t number = (uint32_t)reason;
    memcpy(report + 1, &number, sizeof number);
    (void)!send(connection, report, sizeof report, MSG_NOSIGNAL);
  }
  return 125;
}

static int limit(int resource, const char *text) {
  char *end = NULL;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != 0) {
    errno = EINVAL;
    return -1;
  }
  struct rlimit present;
  if (getrlimit(resource, &present) != 0) return -1;
  if (present.rlim_max == RLIM_INFINITY || value < present.rlim_max)
    present.rlim_max = (rlim_t)value;
  present.rlim_cur = present.rlim_max;
  return setrlimit(resource, &present);
}

int cprocess_confine(int argc, char *const argv[]) {
  const char *path = NULL;
  struct listeners listeners = {.count = 0};
  int index = 0, program = -1;
  struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return failed(-1, "limits");
  for (index = 0; index < argc; index++) {
    const char *option = argv[index];
    if (strcmp(option, "--") == 0) {
      program = index + 1;
      break;
    }
    if (index + 1 >= argc) break;
    const char *value = argv[++index];
    if (strcmp(option, "--launch-socket") == 0) {
      path = value;
    } else if (strcmp(option, "--listen") == 0) {
      long port = strtol(value, NULL, 10);
      if (port < 1 || port > 65535 || listeners.count >= CPROCESS_LISTENERS_MAX) {
        errno = EINVAL;
        return failed(-1, "a port");
      }
      int opened = listen_on((uint16_t)port);
      if (opened < 0) return failed(-1, "a listener on 127.0.0.1");
      listeners.sockets[listeners.count++] = opened;
    } else if (strcmp(option, "--fsize") == 0) {
      if (limit(RLIMIT_FSIZE, value) != 0) return failed(-1, "the file size limit");
    } else if (strcmp(option, "--data") == 0) {
      if (limit(RLIMIT_DATA, value) != 0) return failed(-1, "the memory limit");
    } else if (strcmp(option, "--nofile") == 0) {
      if (limit(RLIMIT_NOFILE, value) != 0) return failed(-1, "the limit of open files");
    } else {
      program = -1;
      break;
    }
  }
  if (program < 0 || program >= argc || path == NULL) {
    errno = EINVAL;
    return failed(-1, "its arguments");
  }
  int connection = connect_to(path);
  if (connection < 0) return failed(-1, "connecting to the worker");
  if (pass(connection, &listeners) != 0) return failed(connection, "the worker's reply");
  for (int i = 0; i < listeners.count; i++) close(listeners.sockets[i]);
  // The keys of the worker's session must not be readable by the agent. If the kernel has no keys,
  // none can be read, and the filter refuses the calls.
  (void)syscall(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
  if (filter_calls() != 0) return failed(connection, "the filter of system calls");
  execve(argv[program], argv + program, environ);
  return failed(connection, argv[program]);
}

// MARK: The launch, from the worker

int cprocess_launch_open(int folder, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(
      address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return -1;
  (void)unlinkat(folder, name, 0);
  // Connecting needs write permission (unix(7)); nobody can connect before listen.
  if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
      fchmodat(folder, name, 0600, 0) == 0 && listen(listener, 1) == 0)
    return listener;
  int saved = errno;
  close(listener);
  errno = saved;
  return -1;
}

static int wait_for(int descriptor, int timeout_ms) {
  struct pollfd one = {.fd = descriptor, .events = POLLIN};
  int ready;
  do ready = poll(&one, 1, timeout_ms);
  while (ready < 0 && errno == EINTR);
  if (ready == 0) errno = ETIMEDOUT;
  return ready > 0 ? 0 : -1;
}

int cprocess_launch_accept(int listener, int timeout_ms) {
  if (wait_for(listener, timeout_ms) != 0) return -1;
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

int cprocess_launch_peer(int connection) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  return peer.pid;
}

/// Whether it is a TCP socket that listens on 127.0.0.1, the only kind that is accepted.
static int is_listener(int descriptor) {
  int kind = 0, listens = 0;
  socklen_t size = sizeof kind;
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  memset(&address, 0, sizeof address);
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != SOCK_STREAM)
    return 0;
  size = sizeof listens;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
    return 0;
  if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0) return 0;
  return address.sin_family == AF_INET && address.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

int cprocess_launch_receive(int connection, int timeout_ms, int listeners[CPROCESS_LISTENERS_MAX]) {
  if (wait_for(connection, timeout_ms) != 0) return -1;
  char letter = 0;
  struct iovec part = {.iov_base = &letter, .iov_len = 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * CPROCESS_LISTENERS_MAX)];
    struct cmsghdr aligned;
  } control;
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
    .msg_controllen = sizeof control.bytes,
  };
  ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return -1;
  int count = 0;
  struct cmsghdr *head;
  for (head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    size_t passed = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < passed; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(head) + i * sizeof(int), sizeof descriptor);
      if (count < CPROCESS_LISTENERS_MAX) {
        listeners[count++] = descriptor;
      } else {
        close(descriptor);
      }
    }
  }
  int is_valid = got == 1 && letter == CPROCESS_LAUNCH_READY && !(message.msg_flags & MSG_CTRUNC);
  for (int i = 0; i < count && is_valid; i++) is_valid = is_listener(listeners[i]);
  if (is_valid) return count;
  for (int i = 0; i < count; i++) close(listeners[i]);
  errno = got == 0 ? ECONNRESET : EPROTO;
  return -1;
}

int cprocess_launch_admit(int connection) {
  return send(connection, "K", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int cprocess_launch_await_start(int connection, int timeout_ms) {
  if (wait_for(connection, timeout_ms) != 0) return -1;
  unsigned char report[5];
  ssize_t got = recv(connection, report, sizeof report, 0);
  // The other end is closed by the start of the program.
  if (got == 0) return 0;
  if (got != sizeof report || report[0] != CPROCESS_LAUNCH_FAILED) {
    if (got >= 0) errno = EPROTO;
    return -1;
  }
  uint32_t number;
  memcpy(&number, report + 1, sizeof number);
  return number > 0 && number < 4096 ? (int)number : EINVAL;
}
