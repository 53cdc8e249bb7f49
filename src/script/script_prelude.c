/* script_prelude.c - what is done to the built-in objects before any script runs.
 *
 *   1. Date and Math.random take the request's clock and seed.
 *   2. Built-ins that go over a text or an array pay for it first: the engine counts turns of loops and calls of the
 *      script only, and [].indexOf.call({length: 2 ** 53}, 1) is one call.
 *   3. What compiles text is removed.
 *   4. Everything is frozen, so that no script leaves anything behind for the next visitor.
 *
 * Sizes are charged as: length of the receiver, and of a text argument, as searching takes at most their product over
 * the width of a comparison. Arrays longer than ARRAY_MAX are refused: no profile needs them. */
#include "script/script_int.h"

const char script_prelude[] =
    "(function (G) {\n"
    "'use strict';\n"
    "const charge = G.__charge, now = G.__now, random = G.__random, ARRAY_MAX = 10000;\n"
    "delete G.__charge; delete G.__now; delete G.__random;\n"
    "const apply = Reflect.apply, construct = Reflect.construct, define = Object.defineProperty;\n"
    "const names = Reflect.ownKeys, describe = Object.getOwnPropertyDescriptor, freeze = Object.freeze;\n"

    /* 1 */
    "const D = Date;\n"
    "const RequestDate = function Date(...a) {\n"
    "  if (!new.target) return new D(now()).toString();\n"
    "  return construct(D, a.length ? a : [now()], new.target);\n"
    "};\n"
    "RequestDate.prototype = D.prototype;\n"
    "RequestDate.now = now; RequestDate.parse = D.parse; RequestDate.UTC = D.UTC;\n"
    "define(D.prototype, 'constructor', {value: RequestDate});\n"
    "G.Date = RequestDate;\n"
    "Math.random = random;\n"

    /* 2 */
    "const size = x => typeof x === 'string' ? x.length : 1;\n"
    "const guard = (holder, wrap) => {\n"
    "  for (const k of names(holder)) {\n"
    "    const d = describe(holder, k);\n"
    "    if (k !== 'constructor' && typeof d.value === 'function')\n"
    "      define(holder, k, {value: wrap(d.value), writable: true, configurable: true, enumerable: false});\n"
    "  }\n"
    "};\n"
    "guard(Array.prototype, f => function (...a) {\n"
    "  const n = this == null ? 0 : this.length;\n"
    "  if (n > ARRAY_MAX) throw new RangeError('an array of more than ' + ARRAY_MAX + ' elements');\n"
    "  charge(1 + (n > 0 ? +n : 0));\n"
    "  return apply(f, this, a);\n"
    "});\n"
    "guard(String.prototype, f => function (...a) {\n"
    "  const n = size(this == null ? '' : typeof this === 'string' ? this : '' + this), m = a.length ? size(a[0]) : "
    "1;\n"
    "  charge(1 + n / 16 + n * m / 1024 + (typeof a[0] === 'number' && a[0] > 0 ? a[0] / 16 : 0));\n"
    "  return apply(f, this, a);\n"
    "});\n"
    "guard(RegExp.prototype, f => function (...a) {\n"
    "  charge(1 + (a.length ? size(a[0]) / 4 : 0));\n"
    "  return apply(f, this, a);\n"
    "});\n"
    "for (const holder of [Object, Reflect, JSON, Array, String])\n"
    "  guard(holder, f => function (...a) {\n"
    "    let cost = 1;\n"
    "    for (const x of a.slice(0, 3)) {\n"
    "      const n = typeof x === 'string' ? x.length : x !== null && typeof x === 'object' ? x.length : 0;\n"
    "      if (typeof x === 'object' && n > ARRAY_MAX) throw new RangeError('a list of more than ' + ARRAY_MAX);\n"
    "      cost += n > 0 ? +n : 0;\n"
    "    }\n"
    "    charge(cost);\n"
    "    return apply(f, this, a);\n"
    "  });\n"
    "const A = Array;\n"
    "const BoundedArray = function Array(...a) {\n"
    "  if (a.length === 1 && typeof a[0] === 'number' && a[0] > ARRAY_MAX)\n"
    "    throw new RangeError('an array of more than ' + ARRAY_MAX + ' elements');\n"
    "  return construct(A, a, new.target || BoundedArray);\n"
    "};\n"
    "BoundedArray.prototype = A.prototype;\n"
    "for (const k of ['from', 'of', 'isArray']) define(BoundedArray, k, {value: A[k]});\n"
    "define(A.prototype, 'constructor', {value: BoundedArray});\n"
    "G.Array = BoundedArray;\n"

    /* 3 */
    "delete G.eval; delete G.Function; delete G.BigInt; delete G.__proto__;\n"
    "const makers = [function () {}, function* () {}, async function () {}, async function* () {}];\n"
    "for (const f of makers) {\n"
    "  const p = Object.getPrototypeOf(f);\n"
    "  if (describe(p, 'constructor')) define(p, 'constructor', {value: undefined});\n"
    "}\n"

    /* 4 */
    "const seen = [];\n"
    "const close = x => {\n"
    "  if (x === null || (typeof x !== 'object' && typeof x !== 'function') || seen.includes(x)) return;\n"
    "  seen.push(x);\n"
    "  if (x !== G) freeze(x);\n"
    "  close(Object.getPrototypeOf(x));\n"
    "  for (const k of names(x)) {\n"
    "    const d = describe(x, k);\n"
    "    close(d.value); close(d.get); close(d.set);\n"
    "    if (x === G && d.configurable) define(G, k, {configurable: false, ...('value' in d ? {writable: false} : "
    "{})});\n"
    "  }\n"
    "};\n"
    "close(G);\n"
    "for (const f of makers) close(Object.getPrototypeOf(f));\n"
    "for (const x of [[], '', /a/, 1, true, Symbol.iterator]) close(Object.getPrototypeOf(x));\n"
    "close(Object.getPrototypeOf([][Symbol.iterator]()));\n"
    "close(Object.getPrototypeOf(''[Symbol.iterator]()));\n"
    "close(Object.getPrototypeOf((function* () {})()));\n"
    "})(globalThis);\n";
