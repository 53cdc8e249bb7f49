#include "http/http.h"
#include "t.h"

static struct http_req
request(struct t *t, struct str query, const struct http_header *h, size_t n)
{
    return (struct http_req){.query = query, .headers = h, .header_count = n, .arena = t->arena};
}

TEST(http_query_parameters)
{
    struct http_req rq =
        request(t, S("configId=a%3Adev&dataStreamId=x+y&empty=&flag&a%2Eb=1&configid=second"), NULL, 0);

    CHECK_STR(http_query(&rq, S("configId")), S("a:dev"));
    CHECK_STR(http_query(&rq, S("CONFIGID")), S("a:dev")); /* the first of several */
    CHECK_STR(http_query(&rq, S("datastreamid")), S("x y"));
    CHECK_TRUE(http_query(&rq, S("empty")).p != NULL && http_query(&rq, S("empty")).n == 0);
    CHECK_TRUE(http_query(&rq, S("flag")).p != NULL && http_query(&rq, S("flag")).n == 0);
    CHECK_STR(http_query(&rq, S("a.b")), S("1"));
    CHECK_TRUE(http_query(&rq, S("none")).p == NULL);
    rq = request(t, S(""), NULL, 0);
    CHECK_TRUE(http_query(&rq, S("a")).p == NULL);
}

TEST(http_cookies)
{
    struct http_header h[] = {{S("cookie"), S("a=1; kndctr_X_identity=CiY=0==;b = 2 ;c; =d; A=3")},
                              {S("Other"), S("a=9")},
                              {S("COOKIE"), S("late=4; a=5")}};
    struct http_req rq = request(t, S(""), h, 3);

    CHECK_STR(http_cookie(&rq, S("a")), S("1"));
    CHECK_STR(http_cookie(&rq, S("A")), S("3")); /* names have case */
    CHECK_STR(http_cookie(&rq, S("b")), S("2"));
    CHECK_STR(http_cookie(&rq, S("kndctr_X_identity")), S("CiY=0=="));
    CHECK_STR(http_cookie(&rq, S("late")), S("4"));
    CHECK_TRUE(http_cookie(&rq, S("c")).p == NULL);
    CHECK_TRUE(http_cookie(&rq, S("none")).p == NULL);
    CHECK_STR(http_header(&rq, S("other")), S("a=9"));
    CHECK_TRUE(http_header(&rq, S("othe")).p == NULL);
}

TEST(http_status_of_every_error)
{
    CHECK_EQ(http_status_of(ERR_OK), 200);
    CHECK_EQ(http_status_of(ERR_INVALID), 400);
    CHECK_EQ(http_status_of(ERR_NOT_FOUND), 404);
    CHECK_EQ(http_status_of(ERR_BUSY), 503);
    for (int e = 1; e < ERR__COUNT; e++)
        CHECK_TRUE(http_status_of((enum err)e) >= 400 && http_status_of((enum err)e) < 600);
    CHECK_EQ(http_status_of((enum err)99), 500);
}
