public import Database

/// The schema's steps for SQLite, embedded from `migrations/sqlite`. A new file needs one line here.
public enum SQLiteMigrations {
    public static let all: [Migration] = [
        Migration(1, "spine", sql: PackageResources._001_spine_sql),
        Migration(2, "studio", sql: PackageResources._002_studio_sql),
        Migration(3, "job_feed", sql: PackageResources._003_job_feed_sql),
        Migration(4, "roles", sql: PackageResources._004_roles_sql),
        Migration(5, "queue", sql: PackageResources._005_queue_sql),
        Migration(6, "queue_hardening", sql: PackageResources._006_queue_hardening_sql),
        Migration(7, "cached_plans", sql: PackageResources._007_cached_plans_sql),
        Migration(8, "late_news", sql: PackageResources._008_late_news_sql),
    ]
}
