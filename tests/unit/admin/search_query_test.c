/* search_query_test.c - the words with which audiences are searched [SEGMENTATION 17.9]. */
#include "admin/admin_search_query.h"

#include "base/limits.h"
#include "t.h"

static bool
finds(struct t *t, const char *text)
{
    static const struct str texts[SEARCH_FIELDS] = {[SEARCH_NAME] = {"Green tea buyers", 16},
                                                    [SEARCH_DESCRIPTION] = {"bought tea (or camp gear) in 2026", 33},
                                                    [SEARCH_ID] = {"7f0d0c2e-5a51", 13},
                                                    [SEARCH_FOLDER] = {"root", 4}};
    struct search_query *q = NULL;

    CHECK_OK(search_parse(str_of(text), t->arena, &q, d));
    return search_matches(q, texts);
}

TEST(s19_38_search_finds)
{
    static const char *const texts[] = {"",
                                        "tea",
                                        "TEA",
                                        "coffee tea",
                                        "coffee OR tea",
                                        "coffee || tea",
                                        "tea AND camp",
                                        "+tea +camp",
                                        "tea && camp",
                                        "tea NOT coffee",
                                        "tea -coffee",
                                        "!coffee",
                                        "\"green tea\"",
                                        "\"(or camp\"",
                                        "cam?",
                                        "buy*",
                                        "*",
                                        "*:*",
                                        "segmentName:green",
                                        "segmentName: green",
                                        "segmentDefinition.segmentName:buyers",
                                        "segmentName:coffee OR buyers",
                                        "segmentName:green segmentDescription:coffee",
                                        "segmentDescription:(camp AND gear)",
                                        "(coffee OR tea) AND gear",
                                        "(coffee) (tea)",
                                        "segmentId:7f0d0c2e-5a51",
                                        "7f0d0c2e-5a51",
                                        "parentFolderId:root",
                                        "geer~1",
                                        "green~0",
                                        "bauers~",
                                        "2026",
                                        "\\t\\e\\a"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!finds(t, texts[i]))
            t_fail(t, __FILE__, __LINE__, "'%s' finds nothing", texts[i]);
    }
}

TEST(s19_38_search_does_not_find)
{
    static const char *const texts[] = {"coffee",
                                        "te",
                                        "tea AND coffee",
                                        "+tea +coffee",
                                        "NOT tea",
                                        "-tea",
                                        "\"tea green\"",
                                        "\"reen tea\"",
                                        "cam??",
                                        "uyers*",
                                        "segmentName:camp",
                                        "segmentName:(camp OR gear)",
                                        "green NOT tea",
                                        "grxxn~1",
                                        "folderId:other",
                                        "te\\*",
                                        "(coffee OR tea) AND cup"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (finds(t, texts[i]))
            t_fail(t, __FILE__, __LINE__, "'%s' finds something", texts[i]);
    }
}

TEST(s19_38_search_refuses)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"AND tea", "expected a word before AND"},
                 {"\"tea", "expected a closing quote"},
                 {"(tea", "expected a closing parenthesis"},
                 {"tea)", "never opened"},
                 {"size:3", "expected segmentName"},
                 {"tea~3", "expected 0, 1 or 2"},
                 {"/te.*/", "regular expressions"},
                 {"\"a b\"~4", "distances"},
                 {"tea AND", NULL},
                 {"segmentName:", "expected a word"},
                 {"~", "behind a word"},
                 {"+", "expected a word"}};
    struct search_query *q = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].says == NULL) {
            CHECK_ERR(search_parse(str_of(cases[i].text), t->arena, &q, d), ERR_INVALID);
            continue;
        }
        CHECK_ERR(search_parse(str_of(cases[i].text), t->arena, &q, d), ERR_INVALID);
        if (str_find(str_of(t_diag.what), str_of(cases[i].says)) < 0)
            t_fail(t, __FILE__, __LINE__, "'%s': %s, expected %s", cases[i].text, t_diag.what, cases[i].says);
        CHECK_TRUE(q == NULL);
    }
}

TEST(s19_38_search_at_its_limits)
{
    char text[LIMIT_SEARCH_BYTES + 1];
    struct search_query *q = NULL;

    memset(text, 'a', sizeof text);
    CHECK_OK(search_parse((struct str){text, LIMIT_SEARCH_BYTES}, t->arena, &q, d));
    CHECK_ERR(search_parse((struct str){text, LIMIT_SEARCH_BYTES + 1}, t->arena, &q, d), ERR_LIMIT);
    for (size_t i = 1; i < sizeof text; i += 2)
        text[i] = ' ';
    CHECK_OK(search_parse((struct str){text, LIMIT_SEARCH_TERMS * 2}, t->arena, &q, d));
    CHECK_ERR(search_parse((struct str){text, LIMIT_SEARCH_TERMS * 2 + 1}, t->arena, &q, d), ERR_LIMIT);
    memset(text, '(', LIMIT_SEARCH_TERMS + 1);
    CHECK_ERR(search_parse((struct str){text, LIMIT_SEARCH_TERMS + 1}, t->arena, &q, d), ERR_LIMIT);
}
