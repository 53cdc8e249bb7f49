/* check.h - beliefs about our own code.
 *
 * CHECK stays on in production: it prints file, line and expression and aborts. DCHECK is for expensive beliefs and is
 * on unless NDEBUG is defined. Neither is ever applied to input: bad input is an enum err. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

_Noreturn void check_fail(const char *file, int line, const char *expr);

#define CHECK(x) ((x) ? (void)0 : check_fail(__FILE__, __LINE__, #x))
#ifdef NDEBUG
#define DCHECK(x) ((void)0)
#else
#define DCHECK(x) CHECK(x)
#endif

#endif
