/* sim/disk.h: files and folders that live in the simulator's memory, and what a power cut leaves of
 * them. files.c makes system calls of this.
 *
 * What was written and not synced may be lost, kept, or kept in parts, sector by sector, when the
 * power fails; so may a file's length. An entry of a folder, made, removed or renamed, is lost,
 * kept, or kept without what came before it, until the folder is synced. A rename within a folder
 * happens as a whole or not at all. A sync that fails drops what it should have written: a later
 * one succeeds and proves nothing, as on Linux. */
#pragma once
#include "sim/sim.h"
#include <stdbool.h>
#include <stddef.h>

enum { SIM_NAME_MAX = 96 };

struct sim_entry {
    struct sim_entry *next;
    struct sim_inode *inode;
    char name[SIM_NAME_MAX];
};

enum sim_change_kind { SIM_LINK, SIM_UNLINK, SIM_RENAME };
struct sim_change {
    struct sim_change *next;
    enum sim_change_kind kind;
    struct sim_inode *inode;
    uint64_t order; /* of all changes on the disk */
    char name[SIM_NAME_MAX], to[SIM_NAME_MAX];
};

struct sim_inode {
    struct sim_inode *next; /* of all */
    bool folder, reached;
    /* A file: as it is read now, and as it is on the disk. */
    char *data, *kept;
    size_t size, capacity, kept_size, kept_capacity;
    size_t dirty_from, dirty_to; /* what may differ; none when from >= to */
    unsigned maps;               /* in this incarnation */
    size_t mapped_bytes;         /* for writing: always dirty */
    /* A folder: the same. */
    struct sim_entry *entries, *kept_entries;
    struct sim_change *changes, **changes_end;
};

struct sim_disk {
    struct sim_inode *all, *root;
    uint64_t order;
};

/* Below, paths begin with SIM_ROOT, or are relative to `from`. */
#define SIM_ROOT "/sim"
bool sim_disk_has(const char *path);
struct sim_inode *sim_find(struct sim_inode *from, const char *path);
/* The folder that holds the last part, which goes to `ret_name`; NULL: none. */
struct sim_inode *sim_find_parent(struct sim_inode *from, const char *path,
                                  char ret_name[static SIM_NAME_MAX]);
struct sim_inode *sim_entry_find(const struct sim_inode *folder, const char *name);
struct sim_inode *sim_make(struct sim_inode *folder, const char *name, bool is_folder);
void sim_entry_remove(struct sim_inode *folder, const char *name);
void sim_entry_rename(struct sim_inode *folder, const char *name, const char *to);
/* From one folder to another: in two steps, for a power cut. */
void sim_entry_move(struct sim_inode *folder, const char *name, struct sim_inode *to_folder,
                    const char *to);

void sim_file_write(struct sim_inode *file, const void *data, size_t len, size_t offset);
void sim_file_resize(struct sim_inode *file, size_t size);
void sim_file_map_writable(struct sim_inode *file, size_t len);
void sim_inode_sync(struct sim_inode *inode);
void sim_inode_sync_failed(struct sim_inode *inode);
