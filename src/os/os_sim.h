/* os_sim.h - a world for tests: the real disk with faults on order, and clocks that are moved by hand.
 *
 * Wraps another struct os (os_posix() as a rule). Until told otherwise it passes everything through, but for syncs:
 * what is synced is only remembered, so that tests do not wait for a disk. Faults are counted from the call that orders
 * them, so a test can fail the 1st, 2nd, 3rd ... write of a scenario until it passes clean.
 *
 * Crashes    os_sim_kill() is kill -9 for what is above: from then on nothing changes the disk any more, so the objects
 *            can be closed to free their memory. os_sim_power_loss() goes further: what was not synced is cut off at a
 *            random byte or left with a hole. Creations, renames and removals count as durable at once.
 *            os_sim_revive() is the restart.
 * Threads    Any; the rules are behind one mutex. */
#ifndef OS_OS_SIM_H
#define OS_OS_SIM_H

#include "base/rng.h"
#include "os/os.h"

struct os_sim;

struct os_sim *os_sim_new(struct os *under);
/* Every file must be closed. */
void os_sim_free(struct os_sim *s);
/* What the code under test gets; lives as long as s. */
struct os *os_sim_os(struct os_sim *s);

/* Clocks. Before the first call of os_sim_set_now_ms() the real ones show through. */
void os_sim_set_now_ms(struct os_sim *s, int64_t now_ms);
void os_sim_advance_ms(struct os_sim *s, int64_t ms); /* both clocks */

/* The nth write from now (1: the next) puts down bytes_kept of its bytes and fails with `code`; 0: none. */
void os_sim_fail_write(struct os_sim *s, uint64_t nth, uint64_t bytes_kept, enum err code);
/* The nth sync from now and those after it, `count` in all, fail with ERR_IO. */
void os_sim_fail_sync(struct os_sim *s, uint64_t nth, uint64_t count);
/* Truncates fail with ERR_IO while set. */
void os_sim_fail_truncate(struct os_sim *s, bool fail);
/* Removals fail with ERR_IO while set. */
void os_sim_fail_unlink(struct os_sim *s, bool fail);
/* Files may grow by this many bytes more in all; what is freed counts. A write past it puts down what fits and fails
 * with ERR_BUSY. UINT64_MAX: no limit. */
void os_sim_limit_space(struct os_sim *s, uint64_t bytes);
/* os_map() answers NULL while set. */
void os_sim_refuse_maps(struct os_sim *s, bool refuse);

void os_sim_kill(struct os_sim *s);
/* Kills at the nth change of the disk from now (write, truncate, rename, removal); a write puts down half of its bytes.
 * 0: off. */
void os_sim_kill_at(struct os_sim *s, uint64_t nth);
bool os_sim_is_dead(struct os_sim *s);
void os_sim_power_loss(struct os_sim *s, struct rng *r); /* with every file closed */
void os_sim_revive(struct os_sim *s);

/* Counted since os_sim_new(), failed ones included. */
uint64_t os_sim_writes(struct os_sim *s);
uint64_t os_sim_syncs(struct os_sim *s);

#endif
