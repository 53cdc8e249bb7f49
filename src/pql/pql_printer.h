/* pql_printer.h - scopes of text, as the printer's two files see them. */
#ifndef PQL_PQL_PRINTER_H
#define PQL_PQL_PRINTER_H

#include "pql/pql_int.h"

struct pql_scope {
    struct str name;
    struct pql_ast *lambda; /* whose parameter it is; NULL: another binder */
    bool open;              /* a chain's element that encloses the place: its event is the implicit element */
};

struct pql_scopes {
    struct pql_ctx *c;
    struct pql_scope *items; /* innermost last */
    size_t n;
    size_t cap;
};

bool pql_scope_push(struct pql_scopes *s, struct pql_scope scope);
const struct pql_scope *pql_scope_find(const struct pql_scopes *s, struct str name); /* NULL: no such variable */
/* Whose event or element a bare name is a field of; NULL: the profile's. */
const struct pql_scope *pql_scope_element(const struct pql_scopes *s);
/* May `name` begin a path bare, as a field of the innermost element? */
bool pql_scope_bare(const struct pql_scopes *s, struct str name);

#endif
