#include "base/metric.h"

#include "t.h"

TEST(metric_small_values_are_exact)
{
    metric_reset(M_LOOP_US);
    CHECK_EQ(metric_quantile(M_LOOP_US, 0.5), 0);
    for (uint64_t v = 0; v < 16; v++)
        metric_observe(M_LOOP_US, v);
    CHECK_EQ(metric_value(M_LOOP_US), 16);
    CHECK_EQ(metric_quantile(M_LOOP_US, 0), 0);
    CHECK_EQ(metric_quantile(M_LOOP_US, 0.5), 7);
    CHECK_EQ(metric_quantile(M_LOOP_US, 1), 15);
}

TEST(metric_quantiles_within_six_percent)
{
    for (int bits = 4; bits < 64; bits++) {
        uint64_t v = (uint64_t)1 << bits | (rng_u64(&t->rng) & (((uint64_t)1 << bits) - 1));
        double got;
        metric_reset(M_LOOP_US);
        metric_observe(M_LOOP_US, v);
        got = (double)metric_quantile(M_LOOP_US, 0.5);
        CHECK_TRUE(got > (double)v * 0.94 && got < (double)v * 1.06);
    }
    metric_reset(M_LOOP_US);
    metric_observe(M_LOOP_US, UINT64_MAX);
    CHECK_TRUE(metric_quantile(M_LOOP_US, 1) > UINT64_MAX / 100 * 96);
    metric_reset(M_LOOP_US);
    for (uint64_t v = 1; v <= 10000; v++)
        metric_observe(M_LOOP_US, v);
    CHECK_TRUE(metric_quantile(M_LOOP_US, 0.5) > 4700 && metric_quantile(M_LOOP_US, 0.5) < 5300);
    CHECK_TRUE(metric_quantile(M_LOOP_US, 0.99) > 9300 && metric_quantile(M_LOOP_US, 0.99) < 10500);
    metric_reset(M_LOOP_US);
}

TEST(metric_counters_gauges_and_export)
{
    struct buf b;

    metric_reset(M_HTTP_REQUESTS);
    metric_add(M_HTTP_REQUESTS, 41);
    metric_inc(M_HTTP_REQUESTS);
    metric_set(M_HTTP_IN_FLIGHT, 5);
    metric_gauge_add(M_HTTP_IN_FLIGHT, -7);
    CHECK_EQ(metric_value(M_HTTP_REQUESTS), 42);
    CHECK_EQ(metric_value(M_HTTP_IN_FLIGHT), -2);
    metric_observe(M_LOOP_US, 3);
    buf_init(&b, 1 << 20);
    metric_export(&b);
    CHECK_TRUE(buf_ok(&b));
    CHECK_TRUE(str_find(buf_str(&b),
                        S("# TYPE edgewise_http_requests_total counter\nedgewise_http_requests_total 42\n")) >= 0);
    CHECK_TRUE(str_find(buf_str(&b), S("\nedgewise_http_in_flight -2\n")) >= 0);
    CHECK_TRUE(str_find(buf_str(&b), S("edgewise_loop_microseconds{quantile=\"0.99\"} 3\n")) >= 0);
    CHECK_TRUE(str_find(buf_str(&b), S("edgewise_loop_microseconds_sum 3\nedgewise_loop_microseconds_count 1\n")) >= 0);
    buf_deinit(&b);
    metric_reset(M_LOOP_US);
    metric_set(M_HTTP_IN_FLIGHT, 0);
}
