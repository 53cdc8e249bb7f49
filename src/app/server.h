/* server.h - the running server: everything that `edgewise serve` builds, and takes down again. */
#ifndef APP_SERVER_H
#define APP_SERVER_H

#include "app/app.h"

struct server;

/* Opens the data folder, recovers, starts the threads and the listeners, and prints the addresses and "ready". conf's
 * texts are borrowed until server_close. Nothing is left behind on failure. */
enum err server_open(const struct conf *conf, struct server **out, struct diag *d);
/* Lets requests end, folds what is there, syncs, closes. NULL is left alone. */
void server_close(struct server *s);

#endif
