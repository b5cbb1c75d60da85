// Mounts that one process has for itself, and becoming another user. Each returns 0, or -1 with
// errno.

#ifndef AIPM_CPROCESS_MOUNTS_H
#define AIPM_CPROCESS_MOUNTS_H

/// Opens what stands at a path for nothing but to name it (O_PATH, open(2)); no right to read it is
/// needed. The descriptor, or -1 with errno.
int cprocess_hold(const char *path);
/// Gives the calling thread mounts of its own: what the machine mounts later is seen there, and
/// nothing goes back. The program that the thread executes next has them.
int cprocess_own_mounts(void);
/// An empty folder in memory over the one that stands there, 0755 and root's.
int cprocess_cover(const char *path);
/// Shows what was opened (after cprocess_own_mounts) at another path, with all below it.
int cprocess_bind(int opened, const char *target);
/// Nothing can be written to a folder that covers another any more.
int cprocess_seal(const char *path);
/// Becomes the user, for good and without further groups.
int cprocess_become(unsigned int user, unsigned int group);

/// 1 if a file is held in memory, by its file system; 0 if not, or if nothing stands at `path`.
int cprocess_is_in_memory(const char *path);

#endif
