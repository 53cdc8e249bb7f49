/* The URL grammar of [EDGE 1.1]; numbers are those of the conformance checklist. */
#include "edge/edge_int.h"
#include "t.h"

static struct edge_path
read_ok(struct t *t, const char *path)
{
    struct edge_path p;

    CHECK_TRUE(edge_path_read(str_of(path), "ee,ee-pre-prd", &p));
    return p;
}

TEST(path_with_and_without_hint) /* 15, 16, 17 */
{
    CHECK_EQ(read_ok(t, "/ee/v1/interact").action, ACTION_INTERACT);
    CHECK_STR(read_ok(t, "/ee/or2/v1/interact").hint, S("or2"));
    CHECK_STR(read_ok(t, "/ee/t38/v1/collect").hint, S("t38"));
    CHECK_EQ(read_ok(t, "/ee/zzz9/v1/privacy/set-consent").action, ACTION_SET_CONSENT);
    CHECK_EQ(read_ok(t, "/ee/irl1/v1/identity/acquire").action, ACTION_ACQUIRE);
}

TEST(path_bases) /* 18 */
{
    struct edge_path p;

    CHECK_EQ(read_ok(t, "/ee-pre-prd/v1/interact").action, ACTION_INTERACT);
    CHECK_TRUE(!edge_path_read(S("/other/v1/interact"), "ee", &p));
    CHECK_TRUE(!edge_path_read(S(""), "ee", &p));
    CHECK_TRUE(!edge_path_read(S("/"), "ee", &p));
}

TEST(path_media) /* 19 */
{
    CHECK_EQ(read_ok(t, "/ee/va/v1/play").action, ACTION_MEDIA);
    CHECK_STR(read_ok(t, "/ee/or2/va/v1/ping").media_event, S("ping"));
    CHECK_EQ(read_ok(t, "/ee/va/v1/").action, ACTION_UNKNOWN);
}

TEST(path_unknown_actions) /* 20 */
{
    static const char *const paths[] = {"/ee",
                                        "/ee/",
                                        "/ee/v1",
                                        "/ee/v1/",
                                        "/ee/v1/nothing",
                                        "/ee/v3/interact",
                                        "/ee/or2",
                                        "/ee/or2/or2/v1/interact",
                                        "/ee/v1/interact/x",
                                        "/ee/V1/interact"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        CHECK_EQ(read_ok(t, paths[i]).action, ACTION_UNKNOWN);
}
