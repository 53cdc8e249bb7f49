/* limits.h - every bound on what comes from outside or may grow, with its reason.
 *
 * A bound is tested at and past its value. Sizes in bytes unless the name says otherwise. Sources in brackets are sections
 * of the documents listed in docs/sources.md; OURS is our choice. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* HTTP */
#define LIMIT_EDGE_BODY_BYTES (64 * 1024)          /* [EDGE 2.7] an Edge Network request */
#define LIMIT_ADMIN_BODY_BYTES (1024 * 1024)       /* OURS: a control-plane object is a few KB */
#define LIMIT_INLET_BODY_BYTES (1024 * 1024)       /* [PLATFORM 3.3] a streaming message or batch of messages */
#define LIMIT_UPLOAD_BODY_BYTES (256 * 1024 * 1024) /* [PLATFORM 3.2] one file of a batch */
#define LIMIT_HEADER_BYTES (32 * 1024)             /* OURS: cookies of a busy site fit four times */
#define LIMIT_URL_BYTES (8 * 1024)                 /* OURS */
#define LIMIT_CONNECTIONS 4096                     /* OURS: kernel memory; past it a connection is refused */
#define LIMIT_CONNECTIONS_PER_IP 2048              /* OURS: a proxy in front is one address */
#define LIMIT_REQUEST_IDLE_S 30                    /* OURS: a slow client is cut; SDKs give up after 5 s */
#define LIMIT_REQUESTS_IN_FLIGHT 1024              /* OURS: past it 503 at once with Retry-After */
#define LIMIT_REQUEST_ARENA_BYTES (4 * 1024 * 1024) /* OURS: 64 times the largest edge body */
#define LIMIT_RESPONSE_BYTES (64 * 1024 * 1024)    /* OURS: an export page */
#define LIMIT_GZIP_MIN_BYTES 1024                  /* [EDGE 1.4] smaller bodies are not compressed */

/* JSON */
#define LIMIT_JSON_DEPTH 64 /* [EDGE 2.7] */

/* Edge requests */
#define LIMIT_EVENTS_PER_REQUEST 100          /* [EDGE C-7] */
#define LIMIT_DECISION_SCOPES 30              /* [EDGE 2.4] */
#define LIMIT_IDENTITIES_PER_EVENT 20         /* [EDGE 2.7] [PLATFORM 4.4] */
#define LIMIT_IDENTITY_VALUE_BYTES 1024       /* [PLATFORM 4.4] */
#define LIMIT_NAMESPACE_BYTES 64              /* OURS */
#define LIMIT_REQUEST_ID_BYTES 128            /* [EDGE 4.1] */
#define LIMIT_FPID_BYTES 128                  /* [EDGE 3.5] */
#define LIMIT_COOKIE_IDENTITY_BYTES 4096      /* [EDGE 3.3] */
#define LIMIT_STATE_ENTRIES 64                /* OURS: SDKs send fewer than ten */
#define LIMIT_DEDUPE_REQUESTS (1u << 20)      /* OURS: request ids kept for LIMIT_DEDUPE_MS */
#define LIMIT_DEDUPE_MS (10 * 60 * 1000)      /* [EDGE C-21] */
#define LIMIT_QUEUE_TIME_MS 300000            /* [EDGE 2.6] queueTimeMillis is clamped to this */
#define LIMIT_CONSENT_REASON_BYTES 16         /* [EDGE 3.9] */

/* Edge profile */
#define LIMIT_EDGE_PROFILE_BYTES (64 * 1024)              /* [PLATFORM 6.1] */
#define LIMIT_EDGE_PROFILE_TTL_MS (14LL * 24 * 3600 * 1000) /* [PLATFORM 6.1] rolling */
#define LIMIT_EDGE_EVENTS 256                             /* OURS: newest kept, of the last 24 hours */
#define LIMIT_EDGE_EVENTS_MS (24LL * 3600 * 1000)         /* [SEGMENTATION 15.3] */

/* Hub */
#define LIMIT_GRAPH_IDENTITIES 50      /* [PLATFORM 4.4] */
#define LIMIT_PROFILE_EVENTS 5000      /* [SEGMENTATION 18.4] oldest dropped beyond it */
#define LIMIT_RECORD_BYTES (100 * 1024) /* [SEGMENTATION 18.4] one profile record */
#define LIMIT_EVENT_BYTES (64 * 1024)  /* OURS: the document says 10 KB; an edge body may be one event */
#define LIMIT_BATCH_ROW_ERRORS 100     /* OURS: row errors kept in full per batch; all are counted */
#define LIMIT_INLET_MESSAGES 1000      /* OURS: messages in one batch post */

/* Rules */
#define LIMIT_PQL_TEXT_BYTES 262144 /* [SEGMENTATION 2.1] */
#define LIMIT_PQL_DEPTH 100         /* [SEGMENTATION 11] */
#define LIMIT_RULE_STEPS 10000000   /* [SEGMENTATION 12] per profile and definition */
#define LIMIT_AUDIENCES 4000        /* [SEGMENTATION 18.1] soft; refused here at 100000 per sandbox */
#define LIMIT_AUDIENCES_HARD 100000

/* Decisions */
#define LIMIT_ACTIVITIES 10000
#define LIMIT_OFFER_BYTES (256 * 1024)
#define LIMIT_TARGET_RULE_DEPTH 10   /* [TARGET 4.3] */
#define LIMIT_TARGET_RULE_LEAVES 500 /* [TARGET 4.3] */
#define LIMIT_TARGET_RULE_VALUES 5000

/* Log and tables */
#define LIMIT_RECORD_KEY_BYTES 4096
#define LIMIT_RECORD_VALUE_BYTES (8 * 1024 * 1024)
#define LIMIT_SEGMENT_BYTES (128LL * 1024 * 1024)

/* Configuration objects */
#define LIMIT_OBJECT_NAME_BYTES 250
#define LIMIT_OBJECTS 200000

/* Operation */
#define LIMIT_LOG_LINES_PER_SECOND 200

#endif
