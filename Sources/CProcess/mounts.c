#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

#include <sched.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

int cprocess_hold(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

int cprocess_own_mounts(void) {
  if (unshare(CLONE_NEWNS) != 0) return -1;
  return mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL);
}

int cprocess_cover(const char *path) {
  return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=4k");
}

int cprocess_bind(int opened, const char *target) {
  char source[64];
  snprintf(source, sizeof source, "/proc/self/fd/%d", opened);
  return mount(source, target, NULL, MS_BIND | MS_REC, NULL);
}

int cprocess_seal(const char *path) {
  return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
}

int cprocess_become(unsigned int user, unsigned int group) {
  if (setgroups(0, NULL) != 0) return -1;
  if (setresgid(group, group, group) != 0) return -1;
  if (setresuid(user, user, user) != 0) return -1;
  // Verifies that becoming root again is refused.
  if (user != 0 && setuid(0) == 0) {
    errno = EPERM;
    return -1;
  }
  return 0;
}
int cprocess_is_in_memory(const char *path) {
  struct statfs facts;
  if (statfs(path, &facts) != 0) return 0;
  unsigned long kind = (unsigned long)facts.f_type & 0xffffffff;
  return kind == TMPFS_MAGIC || kind == RAMFS_MAGIC || kind == HUGETLBFS_MAGIC;
}

