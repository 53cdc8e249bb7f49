/* limits.h - every bound on what comes from outside or may grow, with its reason.
 *
 * A bound is tested at and past its value. Sizes in bytes unless the name says otherwise. Sources in brackets are
 * sections of the documents listed in docs/sources.md; OURS is our choice. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* HTTP */
#define LIMIT_EDGE_BODY_BYTES (64 * 1024)           /* [EDGE 2.7] an Edge Network request */
#define LIMIT_ADMIN_BODY_BYTES (1024 * 1024)        /* OURS: a control-plane object is a few KB */
#define LIMIT_INLET_BODY_BYTES (1024 * 1024)        /* [PLATFORM 3.3] a streaming message or batch of messages */
#define LIMIT_UPLOAD_BODY_BYTES (256 * 1024 * 1024) /* [PLATFORM 3.2] one file of a batch */
#define LIMIT_HEADER_BYTES (32 * 1024)              /* OURS: cookies of a busy site fit four times */
#define LIMIT_HEADER_COUNT 256                      /* OURS: browsers send about 20 */
#define LIMIT_URL_BYTES (8 * 1024)                  /* OURS */
#define LIMIT_REFUSED_BODY_BYTES                                                                                       \
    (2 * 1024 * 1024) /* OURS: read and dropped so that the client sees the refusal: twice a delivery body */
#define LIMIT_BODY_BYTES_PER_S_MIN 1024 /* OURS: a body slower than this after LIMIT_REQUEST_IDLE_S is cut */
#define LIMIT_CONNECTIONS 4096          /* OURS: kernel memory; past it a connection is refused */
#define LIMIT_CONNECTIONS_PER_IP 2048   /* OURS: a proxy in front is one address */
#define LIMIT_REQUEST_IDLE_S 30         /* OURS: a slow client is cut; SDKs give up after 5 s */
#define LIMIT_REQUESTS_IN_FLIGHT 1024   /* OURS: past it 503 at once with Retry-After */
#define LIMIT_REQUEST_ARENA_BYTES (4 * 1024 * 1024) /* OURS: 64 times the largest edge body */
#define LIMIT_RESPONSE_BYTES (64 * 1024 * 1024)     /* OURS: an export page */
#define LIMIT_GZIP_MIN_BYTES 1024                   /* [EDGE 1.4] smaller bodies are not compressed */

/* JSON */
#define LIMIT_JSON_DEPTH 64 /* [EDGE 2.7] */

/* Edge requests */
#define LIMIT_EVENTS_PER_REQUEST 100     /* [EDGE C-7] */
#define LIMIT_DECISION_SCOPES 30         /* [EDGE 2.4] */
#define LIMIT_IDENTITIES_PER_EVENT 20    /* [EDGE 2.7] [PLATFORM 4.4] */
#define LIMIT_IDENTITY_VALUE_BYTES 1024  /* [PLATFORM 4.4] */
#define LIMIT_NAMESPACE_BYTES 64         /* OURS */
#define LIMIT_REQUEST_ID_BYTES 128       /* [EDGE 4.1] */
#define LIMIT_FPID_BYTES 128             /* [EDGE 3.5] */
#define LIMIT_COOKIE_IDENTITY_BYTES 4096 /* [EDGE 3.3] */
#define LIMIT_STATE_ENTRIES 64           /* OURS: SDKs send fewer than ten */
#define LIMIT_DEDUPE_REQUESTS (1u << 20) /* OURS: request ids kept for LIMIT_DEDUPE_MS */
#define LIMIT_DEDUPE_MS (10 * 60 * 1000) /* [EDGE C-21] */
#define LIMIT_CONSENT_REASON_BYTES 16    /* [EDGE 3.9] */

/* Edge profile */
#define LIMIT_EDGE_PROFILE_BYTES (64 * 1024)                /* [PLATFORM 6.1] */
#define LIMIT_EDGE_PROFILE_TTL_MS (14LL * 24 * 3600 * 1000) /* [PLATFORM 6.1] rolling */
#define LIMIT_EDGE_DOC_BYTES (256 * 1024) /* OURS: a document with all its parts; the oldest events leave first */
#define LIMIT_EDGE_EVENTS 256             /* OURS: newest kept, of the last 24 hours */
#define LIMIT_EDGE_EVENTS_MS (24LL * 3600 * 1000) /* [SEGMENTATION 15.3] */

/* Hub */
#define LIMIT_GRAPH_IDENTITIES 50       /* [PLATFORM 4.4] */
#define LIMIT_PROFILE_EVENTS 5000       /* [SEGMENTATION 18.4] oldest dropped beyond it */
#define LIMIT_RECORD_BYTES (100 * 1024) /* [SEGMENTATION 18.4] one profile record */
#define LIMIT_PROFILE_RECORDS_BYTES                                                                                    \
    (4 * 1024 * 1024) /* OURS: all fragments of a profile; they are one value of the table */
#define LIMIT_EXITED_MS (30LL * 24 * 3600 * 1000) /* [SEGMENTATION 15.2] exited memberships kept */
#define LIMIT_EVENT_BYTES (64 * 1024)             /* OURS: the document says 10 KB; an edge body may be one event */
#define LIMIT_EVENTS_PER_SECOND 20                /* [SEGMENTATION 14.4] of a profile; more are a bot's */
#define LIMIT_CENSUS_ROWS 1024                    /* OURS: profiles evaluated at once where all are counted */
#define LIMIT_CENSUS_BYTES (32 * 1024 * 1024)     /* OURS: of stored profiles at once; one profile more may pass it */
#define LIMIT_CENSUS_NAMESPACES 32                /* OURS: namespaces that members are counted by */
#define LIMIT_CENSUS_DATASETS 64                  /* OURS: datasets that profiles are counted by; 40 are advised */
#define LIMIT_PREVIEWS 16                         /* OURS: previews, diffs, as-ofs kept; one that ended makes room */
#define LIMIT_PREVIEW_MS (30 * 60 * 1000)         /* OURS: how long one of them can be asked for */
#define LIMIT_PREVIEW_SAMPLE 1000                 /* [SEGMENTATION 17.8] members that a preview names */
#define LIMIT_DIFF_SAMPLE 100                     /* OURS: people that a diff names, of those who enter and who leave */
#define LIMIT_PAST_RECORDS 4096                   /* OURS: of memberships read between two looks at cancelling */
#define LIMIT_PAST_PROFILES (8 * 1024 * 1024)     /* OURS: that moved since the instant whose size is asked; 128 MB */
#define LIMIT_PAST_MOVES 64                       /* OURS: of an identity between profiles since the instant */
#define LIMIT_JOBS_WAITING 8                      /* OURS: segment jobs that have not ended; past it 429 */
#define LIMIT_JOBS_KEPT 100                       /* OURS: jobs of a sandbox that are listed; the oldest go */
#define LIMIT_EXPORTS_KEPT 100                    /* OURS: export jobs of a sandbox that are kept, with their files */
#define LIMIT_JOB_AUDIENCES 1500                  /* [SEGMENTATION 18.1] named in one job, then "*" */
#define LIMIT_BULK_IDS 100                        /* [SEGMENTATION 17.1] ids in one bulk-get */
#define LIMIT_SCHEDULES 100                       /* OURS: of a sandbox, active or not */
#define LIMIT_CRON_BYTES 256                      /* OURS: a schedule's expression; the usual has 13 */
#define LIMIT_SEARCH_BYTES 1024                   /* OURS: a search text */
#define LIMIT_SEARCH_TERMS 64                     /* OURS: in one search text */
#define LIMIT_BATCH_ROW_ERRORS 100                /* OURS: row errors kept in full per batch; all are counted */
#define LIMIT_INLET_MESSAGES 1000                 /* OURS: messages in one batch post */

/* Ingestion */
#define LIMIT_UPLOAD_ROW_BYTES                                                                                         \
    (1024 * 1024)                       /* [PLATFORM 11.2] a record; also the window through which a file is read */
#define LIMIT_CSV_COLUMNS 10000         /* [PLATFORM 11.2] fields per row */
#define LIMIT_UPLOAD_FILES 10000        /* [PLATFORM 11.2] files of one batch, as advised */
#define LIMIT_UPLOAD_NAME_BYTES 512     /* OURS: a file's name with its partition folders */
#define LIMIT_IMPORT_QUEUE 1000         /* OURS: completed batches waiting for the import thread; 90 a day are usual */
#define LIMIT_ROW_ERROR_TEXT_BYTES 4096 /* OURS: of a bad row, shown with its errors */
#define LIMIT_ROW_ERRORS_MS (30LL * 24 * 3600 * 1000) /* [PLATFORM 3.2] how long row errors are kept */
#define LIMIT_EVENT_FUTURE_MS (24LL * 3600 * 1000)    /* [PLATFORM B-20] an event's timestamp ahead of its arrival */
#define LIMIT_EXTERNAL_FIELDS 25                      /* [SEGMENTATION 16.3] columns of an external audience's file */
#define LIMIT_EXTERNAL_DAYS 90                        /* [SEGMENTATION 16.3] for which a run keeps its members */
#define LIMIT_EXTERNAL_DAYS_USUAL 30                  /* [SEGMENTATION 16.3] when nobody says otherwise */
#define LIMIT_EXTERNAL_REFRESH_MS (7LL * 24 * 3600 * 1000)   /* [SEGMENTATION 16.3] before their end it can be moved */
#define LIMIT_EXTERNAL_FILE_BYTES (1024LL * 1024 * 1024 - 1) /* [SEGMENTATION 16.3] below 1 GB */
#define LIMIT_EXTERNAL_FILES                                                                                           \
    1000 /* OURS: uploaded files of a sandbox, and of one run; old ones are deleted or replaced */
#define LIMIT_EXTERNAL_RUNS 100         /* OURS: of an audience that are listed, the newest */
#define LIMIT_ENTITIES_PER_REQUEST 1000 /* [PLATFORM 4.4] identities in one API request */
#define LIMIT_ENTITY_EVENTS 1000        /* [PLATFORM 5.4] events in one answer */

/* Rules */
#define LIMIT_PQL_TEXT_BYTES 262144 /* [SEGMENTATION 2.1] */
#define LIMIT_PQL_DEPTH 100         /* [SEGMENTATION 11] */
#define LIMIT_PQL_JSON_BYTES                                                                                           \
    (32 * 1024 * 1024) /* OURS: the tree of the longest text: 40 times its bytes, 110 at most where it has only names  \
                        */
#define LIMIT_PQL_JSON_DEPTH                                                                                           \
    256 /* OURS: JSON levels of LIMIT_PQL_DEPTH nodes, which nest two each, and of the literal in the last */
#define LIMIT_RULE_STEPS 10000000 /* [SEGMENTATION 12] per profile and definition */
#define LIMIT_RULE_HEIGHT                                                                                              \
    1000 /* OURS: nodes on one way down a tree, as in a.b.c or 1 + 1 + 1: bounds stacks (1.2 KB each) */
#define LIMIT_RULE_BYTES                                                                                               \
    (64 * 1024 * 1024)                       /* OURS: one compiled rule; 100 times what the longest text usually needs \
                                              */
#define LIMIT_REGEX_STEPS 1000000            /* [SEGMENTATION 7.2] one search */
#define LIMIT_REGEX_BYTES (16 * 1024 * 1024) /* OURS: backtracking memory of one search */
#define LIMIT_RULE_GRAPH_BYTES (1024 * 1024 * 1024) /* OURS: 100,000 audiences of 10 KB each */
#define LIMIT_GRAPH_MARKS 1024  /* OURS: changes of audiences that a graph knows to tell apart: 40 KB */
#define LIMIT_GRAPH_MANIFESTS 4 /* OURS: earlier numberings whose states are still read; older ones are made anew */
#define LIMIT_RULE_SCRATCH_BYTES (64 * 1024 * 1024) /* OURS: one leaf evaluated over LIMIT_PROFILE_EVENTS events */
#define LIMIT_WINDOW_PAIRS                                                                                             \
    20000 /* OURS: (time, value) pairs of one window series; LIMIT_PROFILE_EVENTS carts of four */
#define LIMIT_WINDOW_TEXT_BYTES 256 /* OURS: of a text that such a series keeps; the rest is cut off */
#define LIMIT_WINDOW_PARTS 16       /* OURS: elements of a sequence, aggregates of an expression */
#define LIMIT_WINDOW_FLIP_PAIRS                                                                                        \
    4096 /* OURS: pairs looked at for the instant at which a leaf flips; past it the leaf asks to be looked at early   \
          */
#define LIMIT_AUDIENCES_HARD 100000                   /* OURS: per sandbox; [SEGMENTATION 18.1] advises 4000 at most */
#define LIMIT_RULE_BLOCK_BYTES (1024LL * 1024 * 1024) /* OURS: 4096 profiles under 100,000 audiences take a fifth */
#define LIMIT_BLOCK_ROWS 16384                        /* OURS: profiles; more gain nothing and leave the cache */
#define LIMIT_BLOCK_EVENTS (1 << 20)                  /* OURS: of all profiles; LIMIT_PROFILE_EVENTS fit 200 times */
#define LIMIT_BLOCK_VALUES (1 << 20)                  /* OURS: elements of lists in one column */
#define LIMIT_BLOCK_CONSTANTS 8192                    /* OURS: numbers that share one coding of a column */
#define LIMIT_BLOCK_TEXTS 32768 /* OURS: different texts in one column; with the constants they fit 16 bits */
#define LIMIT_BLOCK_TEXT_BYTES (16 * 1024 * 1024) /* OURS: of one column's texts */
#define LIMIT_DECISION_SCAN_BYTES (256ll << 20)   /* OURS: of the log, read for one answer about a visitor */
#define LIMIT_DECISION_IDS 32                     /* OURS: ids of one visitor that are looked for */
#define LIMIT_NAMED_RECORDS 16384   /* OURS: of the log, of which one row of the hub's table tells who is named where */
#define LIMIT_NAMED_IDS (1 << 18)   /* OURS: of visitors in so many records: 16 each. Past it they are read: 2 MB */
#define LIMIT_NAMED_ROWS (1 << 16)  /* OURS: looked at for one answer: 16,384 times as many records; 5 KB each */
#define LIMIT_DECISIONS_LISTED 1000 /* OURS: in one answer, the newest */
#define LIMIT_WHAT_IF_REQUESTS 10000000    /* OURS: compared by one what-if at most */
#define LIMIT_WHAT_IF_BYTES (256ul << 20)  /* OURS: visitors of each of its two worlds; more want a share of them */
#define LIMIT_WHAT_IF_CELLS 4096           /* OURS: changes from one experience to another that are told apart */
#define LIMIT_WHAT_IF_VISITORS (1ul << 22) /* OURS: visitors counted, and in cells: 32 MB each when full */
#define LIMIT_WHAT_IF_EXAMPLES 3           /* OURS: of a change, and 10 of what was decided otherwise */
#define LIMIT_EXPLAIN_NODES 2000           /* OURS: of the boolean structure; more than anybody reads */
#define LIMIT_EXPLAIN_DEPTH 24             /* OURS: of nodes; what is deeper is one leaf. Two levels of JSON each */
#define LIMIT_EXPLAIN_FIELDS 8             /* OURS: shown of one leaf */
#define LIMIT_EXPLAIN_EVENTS 10            /* OURS: shown of one leaf; how many there are is said beside */
#define LIMIT_EXPLAIN_SHARED 10            /* OURS: leaves in several places that are tried both ways: 1024 passes */
#define LIMIT_EXPLAIN_FLIPS 64             /* OURS: instants looked at in search of the one at which a leaf flips */
#define LIMIT_EXPLAIN_WORK 1000000         /* OURS: events looked at: 60 leaves that count over LIMIT_PROFILE_EVENTS */
#define LIMIT_EXPLAIN_TEXT_BYTES 4096      /* OURS: a leaf's text, a value; longer ones are cut */

/* Decisions */
#define LIMIT_ACTIVITIES 10000
#define LIMIT_OFFER_BYTES (256 * 1024)
#define LIMIT_REMOTE_OFFER_URL_BYTES 2048         /* OURS: of one that is fetched */
#define LIMIT_REMOTE_OFFER_BYTES (256 * 1024)     /* OURS: as an offer */
#define LIMIT_REMOTE_OFFERS 256                   /* OURS: kept, 64 MB at most */
#define LIMIT_REMOTE_OFFER_MS 2000                /* OURS: clients give up after 3 s; nobody waits here */
#define LIMIT_REMOTE_OFFER_FRESH_MS (60 * 1000)   /* OURS: an edit is seen within a minute */
#define LIMIT_REMOTE_OFFER_RETRY_MS (10 * 1000)   /* OURS: six tries a minute do not hurt who is down */
#define LIMIT_REMOTE_OFFER_STALE_MS (3600 * 1000) /* OURS: an hour's outage is not seen on the page */
#define LIMIT_TARGET_RULE_DEPTH 10                /* [TARGET 4.3] */
#define LIMIT_TARGET_RULE_LEAVES 500              /* [TARGET 4.3] */
#define LIMIT_TARGET_RULE_VALUES 5000
#define LIMIT_TARGET_RULE_BYTES (8 * 1024 * 1024)     /* OURS: one lowered rule; 5000 values take 2 MB */
#define LIMIT_JSON_LOGIC_DEPTH 50                     /* OURS: operations and lists in one another */
#define LIMIT_JSON_LOGIC_PATH 512                     /* OURS: of "var"; longer ones are read slowly */
#define LIMIT_EXPERIENCES 2000                        /* [TARGET 11] of one activity */
#define LIMIT_COMBINATIONS 30000                      /* [TARGET 11] of one activity that combines offers */
#define LIMIT_EXCLUDED_COMBINATIONS 100               /* OURS: each is held against every combination */
#define LIMIT_ACTIVITY_LOCATIONS 100                  /* OURS: mboxes, selectors and views each */
#define LIMIT_ACTIVITY_METRICS 200                    /* [TARGET 11] */
#define LIMIT_ACTIVITY_AUDIENCES 50                   /* [TARGET 11] in one list of an activity */
#define LIMIT_REPORTING_AUDIENCES 50                  /* [TARGET 11] of one activity */
#define LIMIT_METRIC_GATES 50                         /* OURS: metrics that one metric depends on */
#define LIMIT_RATE_CLIENTS 256                        /* OURS: whose requests to the admin API are counted at once */
#define LIMIT_BATCH_OPERATIONS 256                    /* [TARGET 6.7] */
#define LIMIT_BATCH_OPERATION_HEADERS 50              /* [TARGET 6.7] */
#define LIMIT_CHANGELOG_VALUE_BYTES 4096              /* OURS: of a changed value; a longer one is left out */
#define LIMIT_ACTIVITY_PRIORITY 999                   /* [TARGET 2.3] */
#define LIMIT_OFFER_ACTIONS 50                        /* [TARGET 11] visual changes */
#define LIMIT_GROUP_RANGES 100                        /* OURS: each has at least one percent */
#define LIMIT_SETTING_TEXTS 1000                      /* OURS: hosts or patterns in one list of a client's settings */
#define LIMIT_MBOX_NAME_BYTES 250                     /* [TARGET 11] location and parameter names in targeting */
#define LIMIT_PROPOSITION_BYTES (4 * 1024 * 1024)     /* OURS: one experience in one scope, all offers together */
#define LIMIT_DECIDE_SET_BYTES (1024LL * 1024 * 1024) /* OURS: pre-rendered propositions of one sandbox */

/* Results of activities */
#define LIMIT_RESULT_DAYS 731            /* [TARGET 9.1] for which hours are kept; the totals stay */
#define LIMIT_RESULT_SERIES 8192         /* OURS: experiences x environments x reporting audiences of one activity */
#define LIMIT_RESULT_ORDERS 10000        /* OURS: newest orders of one activity in its orders report */
#define LIMIT_RESULT_PRODUCTS_BYTES 1024 /* OURS: product ids of one order; longer lists are left out */
#define LIMIT_REPORT_PLOTTED 6           /* OURS: experiences in one plot; more cannot be told apart */
#define LIMIT_REPORT_POINTS 120          /* OURS: points of a curve; a longer life has longer steps */
#define LIMIT_REPORT_BELIEFS 20          /* OURS: experiences whose chance to be better is computed, at 3 ms each */
#define LIMIT_REPORT_ROWS 100            /* OURS: rows of a table on the results page; downloads have all */
#define LIMIT_REPORT_ORDERS 10           /* OURS: newest orders on the results page */
#define LIMIT_RESULT_LANES 64            /* OURS: recounted activities of a sandbox; every hit is looked at for each */
#define LIMIT_RESULT_NAMES 10000 /* OURS: hosts, mboxes and attribute names of a sandbox, each, that were seen */

/* On-device artifacts */
#define LIMIT_ODD_BYTES (64 * 1024 * 1024)         /* OURS: one artifact; 200 activities take 200 KB */
#define LIMIT_ARTIFACTS 64                         /* OURS: kept made; environments times properties of all tenants */
#define LIMIT_ODD_AHEAD_MS (24LL * 60 * 60 * 1000) /* OURS: activities are in it so long before they begin */

/* Visitors of the Target part */
#define LIMIT_VISITOR_SESSION_MS (30LL * 60 * 1000) /* [TARGET 1.1] without a request */
#define LIMIT_VISITOR_BYTES (128 * 1024)            /* OURS: a visitor; the oldest memberships leave first */
#define LIMIT_VISITOR_ATTRIBUTE_BYTES (64 * 1024)   /* [TARGET 7.1] names and values of all attributes */
#define LIMIT_VISITOR_MEMBERSHIPS 1000              /* OURS: activities of one visitor; the oldest leave first */
#define LIMIT_VISITOR_APPLIED 64                    /* OURS: offsets of one visitor that may be folded twice */
#define LIMIT_VISITOR_IMPRESSIONS 32 /* OURS: activities shown under one impression id, and some before */
#define LIMIT_VISITOR_NAMES 16       /* OURS: signed-in ids of a request that lead to a visitor */
#define LIMIT_VISITOR_SEEN 64        /* OURS: experiences of one activity remembered; the oldest leave */
#define LIMIT_VISITOR_URL_BYTES 4096 /* [TARGET 1.2] of a landing page and its referrer; the rest is cut */

/* Profile scripts */
#define LIMIT_SCRIPTS 300              /* [TARGET 11] active ones */
#define LIMIT_SCRIPT_NAME_CHARS 50     /* [TARGET 7.3] */
#define LIMIT_SCRIPT_CHARS 2000        /* [TARGET 7.3] of its text */
#define LIMIT_SCRIPT_RESULT_CHARS 2048 /* [TARGET 7.3] */
#define LIMIT_SCRIPT_UNITS 100000      /* OURS: of one run, about a millisecond; script/script.h says what a unit is */
#define LIMIT_SCRIPT_UNITS_REQUEST 250000     /* [TARGET 7.3] 5000 of the vendor's, whose runs have 2000 */
#define LIMIT_SCRIPT_HEAP_BYTES (256 * 1024)  /* OURS: beside the built-in objects */
#define LIMIT_SCRIPT_MS 50                    /* OURS: a run that units do not stop */
#define LIMIT_SCRIPT_STACK_BYTES (128 * 1024) /* OURS: some hundred nested calls */
#define LIMIT_SCRIPTS_OFF 10000               /* OURS: texts that are switched off in one process */
#define LIMIT_SCRIPT_LOCALS 20                /* OURS: private values of one script */

/* Models */
#define LIMIT_LEARN_SAMPLES 100000 /* OURS: decisions that one training looks at, 60 MB; drawn evenly from all */
#define LIMIT_LEARN_DAYS 45        /* [TARGET 8.2] how far back */
#define LIMIT_LEARN_OUTCOME_MS (24LL * 3600 * 1000) /* OURS: a conversion later than that is not the decision's */
#define LIMIT_LEARN_UNITS 2000                      /* [TARGET 11] experiences; of them the first get a model */

/* Delivery API */
#define LIMIT_DELIVERY_BODY_BYTES (1024 * 1024) /* OURS: the vendor's is 60 MB [TARGET 1.1] */
#define LIMIT_DELIVERY_MBOXES 50                /* [TARGET 11] of execute, and of prefetch */
#define LIMIT_MBOX_PAGE_URL 3072                /* [TARGET 1.8] characters of an older request's pageURL, referrerURL */
#define LIMIT_MBOX_HOST 250                     /* [TARGET 1.8] characters of an older request's host */
#define LIMIT_DELIVERY_VIEWS 50                 /* OURS: named views in one prefetch */
#define LIMIT_DELIVERY_PARAMETERS 100           /* [TARGET 11] of a location */
#define LIMIT_DELIVERY_PARAMETER_NAME 128       /* [TARGET 11] characters */
#define LIMIT_DELIVERY_PARAMETER_VALUE 5000     /* [TARGET 11] characters */
#define LIMIT_DELIVERY_PROFILE_PARAMETERS 50    /* [TARGET 11] of a location */
#define LIMIT_DELIVERY_PROFILE_VALUE 256        /* [TARGET 11] characters */
#define LIMIT_DELIVERY_NOTIFICATIONS 1000       /* OURS: 50 are advised [TARGET 11] */
#define LIMIT_QA_LIST 100                       /* OURS: activities, audiences and previews of a QA link */
#define LIMIT_ASKED_HEADERS 8                   /* OURS: request headers kept of a decision, by name and value */
#define LIMIT_ASKED_AUDIENCES 200               /* OURS: audiences of the platform kept of a decision */
#define LIMIT_ASKED_SCRIPT_BYTES 4096           /* OURS: what scripts changed at which location, kept of a decision */
#define LIMIT_ASKED_ATTRIBUTE_BYTES 4096 /* OURS: of the platform's profile kept of a decision; with headers too */
#define LIMIT_RERUN_GIVEN 64 /* OURS: activities that a world remembers to have given a visitor; the oldest leave */
#define LIMIT_DELIVERY_SESSION_REQUESTS 100 /* [TARGET 1.1] of one session in flight; past it 420 */

/* Profile APIs of the Target part */
#define LIMIT_PROFILE_BATCH_BYTES (50 * 1024 * 1024 - 1) /* [TARGET 6.10] below 50 MB */
#define LIMIT_PROFILE_BATCH_ROWS 500000                  /* [TARGET 6.10] of a batch; the rest fails */
#define LIMIT_PROFILE_COLUMNS 1000                       /* OURS: attributes in one batch */
#define LIMIT_PROFILE_ROW_BYTES (256 * 1024)             /* OURS: a row as JSON, in which a byte may take six */
#define LIMIT_PROFILE_BATCHES_WAITING 16                 /* OURS: past it 503; each is up to 50 MB on the disk */
#define LIMIT_PROFILE_BATCHES_KEPT 100                   /* OURS: whose status can be asked for; the oldest go */
#define LIMIT_PROFILE_UPDATE_BYTES (60 * 1024)           /* [TARGET 6.10] of an update by POST */

/* Log and tables */
#define LIMIT_RECORD_KEY_BYTES 4096
#define LIMIT_RECORD_VALUE_BYTES (8 * 1024 * 1024)
#define LIMIT_SEGMENT_BYTES (128LL * 1024 * 1024)
#define LIMIT_FRAME_BYTES                                                                                              \
    (64u * 1024 * 1024) /* OURS: one append of many records, one batch of a table; a reader holds it whole */
#define LIMIT_RING_BYTES                                                                                               \
    (16u * 1024 * 1024) /* OURS: half a second of 9,000 hits of 3.5 KB, while the kernel holds up who writes */
#define LIMIT_TOPIC_NAME_BYTES 48    /* OURS: with its partition it is a position name */
#define LIMIT_TOPIC_REVISIONS 1000   /* OURS: records of a key that compaction may keep */
#define LIMIT_PARTITIONS 1024        /* OURS: each is a folder and, when written, a lock */
#define LIMIT_POSITION_NAME_BYTES 64 /* OURS */
#define LIMIT_POSITIONS 1024         /* OURS: every commit of a table carries them all */

/* Configuration objects */
#define LIMIT_OBJECT_NAME_BYTES 250
#define LIMIT_OBJECTS 200000
#define LIMIT_OBJECT_NUMBER (1LL << 53) /* OURS: ids that JavaScript reads exactly */
#define LIMIT_SCHEMA_DEPTH 24           /* OURS: written out, a field nests two JSON levels; standard fields need 6 */
#define LIMIT_SCOPE_BYTES 160           /* OURS: organisation id, slash, sandbox name */
#define LIMIT_CONFIG_CHANGES 64         /* OURS: objects saved in one step */
#define LIMIT_REVISIONS 100             /* [TARGET 6.2] of an object of the Target part that are kept, the newest */

/* Operation */
#define LIMIT_LOG_LINES_PER_SECOND 200

#endif
