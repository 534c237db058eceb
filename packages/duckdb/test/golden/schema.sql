CREATE TABLE IF NOT EXISTS internal.held_captures (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "dataset" VARCHAR NOT NULL,
  "capture_id" VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS internal.schema_version (
  version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS "workspace_mtu_daily" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "period_start" TIMESTAMP NOT NULL,
  "period_end" TIMESTAMP NOT NULL,
  "anonymous" BIGINT NOT NULL,
  "anonymous_identified" BIGINT NOT NULL,
  "identified" BIGINT NOT NULL,
  "never_identified" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "source_mtu_daily" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "source_id" VARCHAR NOT NULL,
  "period_start" TIMESTAMP NOT NULL,
  "period_end" TIMESTAMP NOT NULL,
  "anonymous" BIGINT NOT NULL,
  "anonymous_identified" BIGINT NOT NULL,
  "identified" BIGINT NOT NULL,
  "never_identified" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "workspace_api_calls_daily" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "api_calls" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "source_api_calls_daily" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "source_id" VARCHAR NOT NULL,
  "api_calls" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "workspace_mtu_daily_revisions" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "period_start" TIMESTAMP NOT NULL,
  "period_end" TIMESTAMP NOT NULL,
  "anonymous" BIGINT NOT NULL,
  "anonymous_identified" BIGINT NOT NULL,
  "identified" BIGINT NOT NULL,
  "never_identified" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL,
  "superseded_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "source_mtu_daily_revisions" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "source_id" VARCHAR NOT NULL,
  "period_start" TIMESTAMP NOT NULL,
  "period_end" TIMESTAMP NOT NULL,
  "anonymous" BIGINT NOT NULL,
  "anonymous_identified" BIGINT NOT NULL,
  "identified" BIGINT NOT NULL,
  "never_identified" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL,
  "superseded_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "workspace_api_calls_daily_revisions" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "api_calls" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL,
  "superseded_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "source_api_calls_daily_revisions" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "day" DATE NOT NULL,
  "source_id" VARCHAR NOT NULL,
  "api_calls" BIGINT NOT NULL,
  "snapshot_at" TIMESTAMP NOT NULL,
  "observed_at" TIMESTAMP NOT NULL,
  "superseded_at" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "workspaces" (
  "workspace_id" VARCHAR NOT NULL,
  "id" VARCHAR NOT NULL,
  "slug" VARCHAR NOT NULL,
  "name" VARCHAR NOT NULL,
  "first_seen" TIMESTAMP NOT NULL,
  "last_seen" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "sources" (
  "workspace_id" VARCHAR NOT NULL,
  "id" VARCHAR NOT NULL,
  "slug" VARCHAR NOT NULL,
  "name" VARCHAR NOT NULL,
  "type" VARCHAR NOT NULL,
  "enabled" BOOLEAN NOT NULL,
  "labels" VARCHAR NOT NULL,
  "first_seen" TIMESTAMP NOT NULL,
  "last_seen" TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS "captures" (
  "workspace_id" VARCHAR NOT NULL,
  "usage_month" DATE NOT NULL,
  "capture_id" VARCHAR NOT NULL,
  "dataset" VARCHAR NOT NULL,
  "state" VARCHAR NOT NULL,
  "outcome" VARCHAR NOT NULL,
  "rows" BIGINT NOT NULL,
  "pages" BIGINT NOT NULL,
  "requests" BIGINT NOT NULL,
  "retries" BIGINT NOT NULL,
  "warnings" VARCHAR NOT NULL,
  "captured_at" TIMESTAMP NOT NULL,
  "run_id" VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS "runs" (
  "workspace_id" VARCHAR NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "command" VARCHAR NOT NULL,
  "arguments" VARCHAR NOT NULL,
  "version" VARCHAR NOT NULL,
  "started" TIMESTAMP NOT NULL,
  "ended" TIMESTAMP,
  "exit" BIGINT,
  "totals" VARCHAR);
