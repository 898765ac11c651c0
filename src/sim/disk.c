#include "sim/disk.h"
#include <stdio.h>
#include <string.h>

enum { SECTOR = 512, CAPACITY_MIN = 4096, MAPPED_CAPACITY = 512 << 10, MAPPED_FACTOR = 8 };

bool sim_disk_has(const char *path)
{
    return strncmp(path, SIM_ROOT, sizeof SIM_ROOT - 1) == 0;
}

static struct sim_inode *inode_new(bool folder)
{
    struct sim_inode *inode = sim_alloc(sizeof *inode);
    inode->folder = folder;
    inode->changes_end = &inode->changes;
    inode->next = sim->disk->all;
    sim->disk->all = inode;
    return inode;
}

void sim_disk_begin(void)
{
    sim->disk = sim_alloc(sizeof *sim->disk);
    sim->disk->root = inode_new(true);
}

/* ---- names ---- */

struct sim_inode *sim_entry_find(const struct sim_inode *folder, const char *name)
{
    if (!folder->folder)
        return NULL;
    for (struct sim_entry *entry = folder->entries; entry != NULL; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return entry->inode;
    return NULL;
}

struct sim_inode *sim_find_parent(struct sim_inode *from, const char *path,
                                  char ret_name[static SIM_NAME_MAX])
{
    struct sim_inode *folder = from;
    if (path[0] == '/') {
        folder = sim->disk->root;
        path += sizeof SIM_ROOT - 1;
    }
    ret_name[0] = '\0';
    for (;;) {
        while (*path == '/')
            path++;
        const size_t len = strcspn(path, "/");
        if (len >= SIM_NAME_MAX)
            sim_finding("a name is too long for the simulator: '%s'", path);
        memcpy(ret_name, path, len);
        ret_name[len] = '\0';
        path += len;
        if (path[strspn(path, "/")] == '\0')
            return folder;
        folder = sim_entry_find(folder, ret_name);
        if (folder == NULL || !folder->folder)
            return NULL;
    }
}

struct sim_inode *sim_find(struct sim_inode *from, const char *path)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *folder = sim_find_parent(from, path, name);
    if (folder == NULL || name[0] == '\0')
        return folder;
    return sim_entry_find(folder, name);
}

static void entry_put(struct sim_entry **list, const char *name, struct sim_inode *inode)
{
    while (*list != NULL && strcmp((*list)->name, name) != 0)
        list = &(*list)->next;
    if (*list == NULL) {
        *list = sim_alloc(sizeof **list);
        memcpy((*list)->name, name, strlen(name) + 1);
    }
    (*list)->inode = inode;
}

static void entry_drop(struct sim_entry **list, const char *name)
{
    while (*list != NULL && strcmp((*list)->name, name) != 0)
        list = &(*list)->next;
    struct sim_entry *entry = *list;
    if (entry == NULL)
        return;
    *list = entry->next;
    sim_free(entry, sizeof *entry);
}

static void change_add(struct sim_inode *folder, enum sim_change_kind kind, const char *name,
                       const char *to, struct sim_inode *inode)
{
    struct sim_change *change = sim_alloc(sizeof *change);
    change->kind = kind;
    change->inode = inode;
    change->order = sim->disk->order++;
    memcpy(change->name, name, strlen(name) + 1);
    memcpy(change->to, to, strlen(to) + 1);
    *folder->changes_end = change;
    folder->changes_end = &change->next;
}

static void change_apply(struct sim_entry **list, const struct sim_change *change)
{
    if (change->kind != SIM_LINK)
        entry_drop(list, change->name);
    if (change->kind == SIM_LINK)
        entry_put(list, change->name, change->inode);
    if (change->kind == SIM_RENAME)
        entry_put(list, change->to, change->inode);
}

struct sim_inode *sim_make(struct sim_inode *folder, const char *name, bool is_folder)
{
    struct sim_inode *inode = inode_new(is_folder);
    entry_put(&folder->entries, name, inode);
    change_add(folder, SIM_LINK, name, "", inode);
    return inode;
}

void sim_entry_remove(struct sim_inode *folder, const char *name)
{
    struct sim_inode *inode = sim_entry_find(folder, name);
    entry_drop(&folder->entries, name);
    change_add(folder, SIM_UNLINK, name, "", inode);
}

void sim_entry_rename(struct sim_inode *folder, const char *name, const char *to)
{
    struct sim_inode *inode = sim_entry_find(folder, name);
    entry_drop(&folder->entries, name);
    entry_put(&folder->entries, to, inode);
    change_add(folder, SIM_RENAME, name, to, inode);
}

void sim_entry_move(struct sim_inode *folder, const char *name, struct sim_inode *to_folder,
                    const char *to)
{
    struct sim_inode *inode = sim_entry_find(folder, name);
    sim_entry_remove(folder, name);
    entry_put(&to_folder->entries, to, inode);
    change_add(to_folder, SIM_LINK, to, "", inode);
}

/* ---- bytes ---- */

static void grow(char **data, size_t *capacity, size_t size)
{
    if (size <= *capacity)
        return;
    size_t more = *capacity < CAPACITY_MIN ? CAPACITY_MIN : *capacity;
    while (more < size)
        more *= 2;
    char *fresh = sim_alloc(more);
    if (*data != NULL)
        memcpy(fresh, *data, *capacity);
    sim_free(*data, *capacity);
    *data = fresh;
    *capacity = more;
}

static void dirty(struct sim_inode *file, size_t from, size_t to)
{
    if (file->dirty_from >= file->dirty_to) {
        file->dirty_from = from;
        file->dirty_to = to;
        return;
    }
    if (from < file->dirty_from)
        file->dirty_from = from;
    if (to > file->dirty_to)
        file->dirty_to = to;
}

void sim_file_resize(struct sim_inode *file, size_t size)
{
    if (size > file->capacity && file->maps > 0)
        sim_finding("a file grows while it is mapped: the simulator cannot do that");
    grow(&file->data, &file->capacity, size);
    if (size < file->size) {
        memset(file->data + size, 0, file->size - size);
        dirty(file, size, file->size);
    }
    file->size = size;
}

void sim_file_write(struct sim_inode *file, const void *data, size_t len, size_t offset)
{
    if (len == 0)
        return;
    if (offset + len > file->size)
        sim_file_resize(file, offset + len);
    memcpy(file->data + offset, data, len);
    dirty(file, offset, offset + len);
}

/* It may grow behind the mapping, which must not move then. */
void sim_file_map_writable(struct sim_inode *file, size_t len)
{
    const bool large = sim->plan.pad_bytes > 1000; /* a whole memtable is such a file */
    grow(&file->data, &file->capacity, large ? MAPPED_CAPACITY * MAPPED_FACTOR : MAPPED_CAPACITY);
    file->mapped_bytes = len;
    dirty(file, 0, len);
}

static void entries_copy(struct sim_entry **to, const struct sim_entry *from)
{
    while (*to != NULL) {
        struct sim_entry *old = *to;
        *to = old->next;
        sim_free(old, sizeof *old);
    }
    for (; from != NULL; from = from->next, to = &(*to)->next) {
        *to = sim_alloc(sizeof **to);
        **to = *from;
        (*to)->next = NULL;
    }
}

static void changes_forget(struct sim_inode *folder)
{
    while (folder->changes != NULL) {
        struct sim_change *change = folder->changes;
        folder->changes = change->next;
        sim_free(change, sizeof *change);
    }
    folder->changes_end = &folder->changes;
}

void sim_inode_sync(struct sim_inode *inode)
{
    if (inode->folder) {
        entries_copy(&inode->kept_entries, inode->entries);
        changes_forget(inode);
        return;
    }
    grow(&inode->kept, &inode->kept_capacity, inode->size);
    if (inode->kept_size > inode->size)
        memset(inode->kept + inode->size, 0, inode->kept_size - inode->size);
    const size_t to = inode->dirty_to < inode->size ? inode->dirty_to : inode->size;
    if (inode->dirty_from < to)
        memcpy(inode->kept + inode->dirty_from, inode->data + inode->dirty_from,
               to - inode->dirty_from);
    inode->kept_size = inode->size;
    inode->dirty_from = 0;
    inode->dirty_to = inode->mapped_bytes;
}

void sim_inode_sync_failed(struct sim_inode *inode)
{
    inode->dirty_from = inode->dirty_to = 0;
}

/* ---- a power cut ---- */

enum cut { CUT_ALL_LOST, CUT_ALL_KEPT, CUT_PREFIX, CUT_ANY, CUTS };

static void folder_cut(struct sim_inode *folder, enum cut cut, uint64_t until)
{
    for (const struct sim_change *change = folder->changes; change != NULL; change = change->next) {
        const bool keep = cut == CUT_ALL_KEPT || (cut == CUT_PREFIX && change->order < until) ||
                          (cut == CUT_ANY && sim_chance(2));
        if (keep)
            change_apply(&folder->kept_entries, change);
    }
    changes_forget(folder);
    entries_copy(&folder->entries, folder->kept_entries);
}

static void file_cut(struct sim_inode *file, enum cut cut)
{
    const bool some = cut == CUT_PREFIX || cut == CUT_ANY;
    const size_t size =
        cut == CUT_ALL_KEPT || (some && sim_chance(2)) ? file->size : file->kept_size;
    grow(&file->kept, &file->kept_capacity, size > file->size ? size : file->size);
    const unsigned lost_one_in = some ? 1 + (unsigned)sim_below(4) : 0;
    for (size_t at = file->dirty_from / SECTOR * SECTOR; at < file->dirty_to; at += SECTOR) {
        if (cut == CUT_ALL_LOST || sim_chance(lost_one_in) || at >= file->size)
            continue;
        const size_t len = file->size - at < SECTOR ? file->size - at : SECTOR;
        memcpy(file->kept + at, file->data + at, len);
    }
    if (size < file->kept_capacity)
        memset(file->kept + size, 0, file->kept_capacity - size);
    file->kept_size = size;
    grow(&file->data, &file->capacity, file->kept_capacity);
    memset(file->data, 0, file->capacity);
    if (size > 0)
        memcpy(file->data, file->kept, size);
    file->size = size;
    file->dirty_from = file->dirty_to = 0;
}

void sim_disk_cut(void)
{
    const enum cut names = (enum cut)sim_below(CUTS), bytes = (enum cut)sim_below(CUTS);
    const uint64_t until = sim_below(sim->disk->order + 1);
    sim_trace("-- the power fails: names %d, bytes %d", names, bytes);
    for (struct sim_inode *inode = sim->disk->all; inode != NULL; inode = inode->next) {
        if (inode->folder)
            folder_cut(inode, names, until);
        else
            file_cut(inode, bytes);
    }
}

/* ---- what nobody names ---- */

static void reach(struct sim_inode *inode)
{
    if (inode->reached)
        return;
    inode->reached = true;
    for (struct sim_entry *entry = inode->entries; entry != NULL; entry = entry->next)
        reach(entry->inode);
    for (struct sim_entry *entry = inode->kept_entries; entry != NULL; entry = entry->next)
        reach(entry->inode);
    for (struct sim_change *change = inode->changes; change != NULL; change = change->next)
        if (change->inode != NULL)
            reach(change->inode);
}

void sim_disk_collect(void)
{
    reach(sim->disk->root);
    struct sim_inode **at = &sim->disk->all;
    while (*at != NULL) {
        struct sim_inode *inode = *at;
        inode->maps = 0;
        inode->mapped_bytes = 0;
        if (inode->reached) {
            inode->reached = false;
            at = &inode->next;
            continue;
        }
        *at = inode->next;
        changes_forget(inode);
        entries_copy(&inode->entries, NULL);
        entries_copy(&inode->kept_entries, NULL);
        sim_free(inode->data, inode->capacity);
        sim_free(inode->kept, inode->kept_capacity);
        sim_free(inode, sizeof *inode);
    }
}
