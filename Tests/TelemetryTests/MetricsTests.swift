import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func `the text is what the exposition format says`() {
        let metrics = Metrics()
        metrics.counter("jobs_total", help: "Jobs by end.", labels: ["state": "failed", "a": "b"]).increment()
        metrics.counter("jobs_total", help: "Jobs by end.", labels: ["state": "completed"]).increment(by: 2)
        metrics.gauge("connections", help: "Open connections.").set(-3)
        let seconds = metrics.histogram("run_seconds", help: "Run time.", bounds: [0.5, 2])
        for value in [0.25, 0.5, 1, 8] { seconds.observe(value) }
        #expect(
            metrics.render() == """
                # HELP connections Open connections.
                # TYPE connections gauge
                connections -3
                # HELP jobs_total Jobs by end.
                # TYPE jobs_total counter
                jobs_total{a="b",state="failed"} 1
                jobs_total{state="completed"} 2
                # HELP run_seconds Run time.
                # TYPE run_seconds histogram
                run_seconds_bucket{le="0.5"} 2
                run_seconds_bucket{le="2.0"} 3
                run_seconds_bucket{le="+Inf"} 4
                run_seconds_sum 9.75
                run_seconds_count 4

                """)
    }

    @Test func `the same name and labels give the same metric`() {
        let metrics = Metrics()
        metrics.counter("n_total", help: "N.").increment()
        metrics.counter("n_total", help: "N.").increment()
        #expect(metrics.counter("n_total", help: "N.").value == 2)
    }

    @Test func `label values are escaped`() {
        let metrics = Metrics()
        metrics.counter("n_total", help: "N.", labels: ["path": "a\"b\\c\nd"]).increment()
        #expect(metrics.render().contains(#"n_total{path="a\"b\\c\nd"} 1"#))
    }

    @Test func `label sets beyond the limit share one series`() {
        let metrics = Metrics()
        for index in 0..<(Metrics.seriesMax + 5) {
            metrics.counter("n_total", help: "N.", labels: ["id": String(index)]).increment()
        }
        #expect(metrics.render().contains(#"n_total{overflow="true"} 5"#))
        #expect(metrics.render().split(separator: "\n").count == Metrics.seriesMax + 1 + 2)
    }

    @Test func `counting from many tasks loses nothing`() async {
        let metrics = Metrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        metrics.counter("n_total", help: "N.").increment()
                        metrics.histogram("h", help: "H.", bounds: [1]).observe(1)
                    }
                }
            }
        }
        #expect(metrics.counter("n_total", help: "N.").value == 8000)
        #expect(metrics.render().contains("h_count 8000"))
    }
}
