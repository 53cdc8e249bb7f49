#include "model/optout.h"

#include "t.h"

TEST(optout_of_a_general_kind_only) /* [SEGMENTATION 16.5] */
{
    static const struct {
        const char *json;
        bool out;
    } cases[] = {
        {"{}", false},
        {"{\"privacyOptOuts\":[]}", false},
        {"{\"privacyOptOuts\":\"out\"}", false},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"general_opt_out\",\"optOutValue\":\"out\"}]}", true},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"general_opt_out\",\"optOutValue\":\"pending\"}]}", true},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"general_opt_out\",\"optOutValue\":\"in\"}]}", false},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"general_opt_out\",\"optOutValue\":\"not_provided\"}]}", false},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"sales_sharing_opt_out\",\"optOutValue\":\"out\"}]}", false},
        {"{\"privacyOptOuts\":[{\"optOutType\":\"sales_sharing_opt_out\",\"optOutValue\":\"out\"},"
         "{\"optOutType\":\"general_opt_out\",\"optOutValue\":\"out\"}]}",
         true},
    };

    CHECK_TRUE(!opted_out(NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct json *v = NULL;
        CHECK_OK(json_parse(str_of(cases[i].json), t->arena, &v, d));
        CHECK_EQ(opted_out(v), cases[i].out);
    }
}
