/* script_int.h - what the files of script/ share. */
#ifndef SCRIPT_INT_H
#define SCRIPT_INT_H

#include "script/script.h"

/* Takes the harmful parts out of the built-in objects and makes the rest immutable; evaluated once per engine. It
 * expects and removes the global functions __charge(units), __now() and __random(). */
extern const char script_prelude[];

#endif
