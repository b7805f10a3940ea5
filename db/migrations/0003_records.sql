-- What is held of a tenant's customers and orders: typed columns for what is queried, one sealed blob for the rest.
--
-- A row's version is (source_updated_at, mapper_version, observed_at, content_hash): that of its newest observation.
-- `is_partial`: not every field comes from that observation; the fields' own versions lie in the sealed blob.
-- `revision` counts the writes of a row since it was inserted: a merge says onto which one it was computed.
-- `identities` lists what the identity table holds of this row, 21 bytes each: kind (1 email, 2 phone, 3 document,
-- 4 profile), key version (4, big-endian), blind index (16). An upsert compares the two lists and touches only what
-- differs: no second index over the identities, no probe for those that stay.
-- Key columns collate "C": comparisons are memcmp, and the order is the one in which a batch is sorted.

CREATE TABLE customers (
    tenant_id         integer NOT NULL,
    source            text COLLATE "C" NOT NULL,
    account           text COLLATE "C" NOT NULL,
    external_id       text COLLATE "C" NOT NULL,
    source_updated_at timestamptz NOT NULL,
    mapper_version    integer NOT NULL,
    revision          integer NOT NULL DEFAULT 0,
    observed_at       timestamptz NOT NULL,
    content_hash      bytea NOT NULL,
    key_version       integer,
    is_partial        boolean NOT NULL DEFAULT false,
    is_corporate      boolean,
    accepts_marketing boolean,
    source_created_at timestamptz,
    deleted_at        timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    locale            text,
    customer_class    text,
    identities        bytea NOT NULL DEFAULT '',
    sealed            bytea,
    PRIMARY KEY (tenant_id, source, account, external_id),
    CHECK ((sealed IS NULL) = (deleted_at IS NOT NULL))
);

CREATE TABLE customer_identities (
    tenant_id   integer NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('email', 'phone', 'document', 'profile')),
    key_version integer NOT NULL,
    blind_index bytea NOT NULL,
    source      text COLLATE "C" NOT NULL,
    account     text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, kind, key_version, blind_index, source, account, external_id)
);

CREATE TABLE orders (
    tenant_id         integer NOT NULL,
    source            text COLLATE "C" NOT NULL,
    account           text COLLATE "C" NOT NULL,
    external_id       text COLLATE "C" NOT NULL,
    source_updated_at timestamptz NOT NULL,
    mapper_version    integer NOT NULL,
    revision          integer NOT NULL DEFAULT 0,
    observed_at       timestamptz NOT NULL,
    content_hash      bytea NOT NULL,
    key_version       integer,
    is_partial        boolean NOT NULL DEFAULT false,
    is_completed      boolean,
    source_created_at timestamptz,
    authorized_at     timestamptz,
    invoiced_at       timestamptz,
    canceled_at       timestamptz,
    deleted_at        timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    total_minor       bigint,
    items_minor       bigint,
    discounts_minor   bigint,
    shipping_minor    bigint,
    tax_minor         bigint,
    item_count        integer NOT NULL DEFAULT 0,
    status            text,
    status_class      text NOT NULL,
    currency          text,
    sequence          text,
    order_group       text,
    origin            text,
    sales_channel     text,
    utm_source        text,
    utm_medium        text,
    utm_campaign      text,
    coupon            text,
    details           jsonb NOT NULL DEFAULT '{}',
    identities        bytea NOT NULL DEFAULT '',
    sealed            bytea,
    PRIMARY KEY (tenant_id, source, account, external_id),
    CHECK ((sealed IS NULL) = (deleted_at IS NOT NULL))
);

CREATE TABLE order_items (
    tenant_id        integer NOT NULL,
    source           text COLLATE "C" NOT NULL,
    account          text COLLATE "C" NOT NULL,
    external_id      text COLLATE "C" NOT NULL,
    line_number      integer NOT NULL,
    line_id          text,
    sku              text,
    product_id       text,
    name             text,
    seller           text,
    quantity         bigint,
    unit_price_minor bigint,
    list_price_minor bigint,
    total_minor      bigint,
    is_gift          boolean,
    PRIMARY KEY (tenant_id, source, account, external_id, line_number)
);

CREATE TABLE order_identities (
    tenant_id   integer NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('email', 'phone', 'document', 'profile')),
    key_version integer NOT NULL,
    blind_index bytea NOT NULL,
    source      text COLLATE "C" NOT NULL,
    account     text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, kind, key_version, blind_index, source, account, external_id)
);

-- Sealed bytes do not compress: trying costs CPU for nothing.
ALTER TABLE customers ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE orders ALTER COLUMN sealed SET STORAGE EXTERNAL;
