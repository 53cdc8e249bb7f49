/* places_test.c - names and codes, search engines, makers of devices [TARGET 4.2]. */
#include "context/device.h"
#include "context/place.h"
#include "context/traffic_source.h"
#include "t.h"

TEST(place_names_and_codes)
{
    CHECK_STR(place_country_name(S("US")), S("united states"));
    CHECK_STR(place_country_code(S("United States")), S("us"));
    CHECK_STR(place_country_code(S("USA")), S("us"));
    CHECK_STR(place_country_code(S("UK")), S("gb"));
    CHECK_STR(place_state_name(S("ca")), S("california"));
    CHECK_STR(place_state_code(S("New York")), S("ny"));
    CHECK_EQ(place_country_name(S("zz")).n, 0);
    CHECK_EQ(place_state_code(S("")).n, 0);
}

TEST(traffic_sources)
{
    CHECK_STR(traffic_search_engine(S("www.google.co.uk")), S("google"));
    CHECK_STR(traffic_search_engine(S("google.com")), S("google"));
    CHECK_STR(traffic_search_engine(S("search.YAHOO.co.jp")), S("yahoo"));
    CHECK_STR(traffic_search_engine(S("www.baidu.com")), S("baidu"));
    CHECK_STR(traffic_search_engine(S("www.bing.com")), S("bing"));
    CHECK_EQ(traffic_search_engine(S("google.evil.example.com")).n, 0);
    CHECK_EQ(traffic_search_engine(S("notgoogle.com")).n, 0);
    CHECK_EQ(traffic_search_engine(S("")).n, 0);
}

static struct device
device_in(const char *text, const char *hint)
{
    struct user_agent ua = user_agent_parse(str_of(text));

    return device_of(str_of(text), str_of(hint), &ua);
}

TEST(devices_have_makers)
{
    struct device d1 =
        device_in("Mozilla/5.0 (Linux; Android 13; SM-S911B Build/TP1A) Chrome/116.0 Mobile Safari/537.36", "");
    struct device d2 = device_in("Mozilla/5.0 (Linux; Android 10; K) Chrome/116.0 Mobile Safari/537.36", "Pixel 7");
    struct device d3 = device_in("Mozilla/5.0 (iPad; CPU OS 14_7 like Mac OS X) Version/14.1 Safari/604.1", "");
    struct device d4 = device_in("Mozilla/5.0 (Linux; Android 10; K) Chrome/116.0 Mobile Safari/537.36", "");
    struct device d5 = device_in("Mozilla/5.0 (Windows NT 10.0) Chrome/116.0 Safari/537.36", "");

    CHECK_STR(d1.model, S("SM-S911B"));
    CHECK_STR(d1.vendor, S("Samsung"));
    CHECK_STR(d1.marketing_name, S("Galaxy S23"));
    CHECK_STR(d2.vendor, S("Google"));
    CHECK_STR(d2.marketing_name, S("Pixel 7"));
    CHECK_STR(d3.vendor, S("Apple"));
    CHECK_STR(d3.model, S("iPad"));
    CHECK_EQ(d4.model.n + d4.vendor.n, 0);
    CHECK_EQ(d5.model.n, 0);
}
