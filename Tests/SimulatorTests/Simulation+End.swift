import SharedModel

@testable import Coordinator

/// How a run ends, and what it has come to.
extension Simulation {
    /// The coordinator has ended. What chance parked beside what can't be rendered is tried again, as a person would.
    func concludeOrRetry() async throws {
        await coordinator.stop()
        coordinatorLife += 1
        outcome.untold = workers.count(where: \.hopesForMore)
        for id in links.keys.sorted() { lose(id, why: "the coordinator has ended", within: 1) }
        let failed = Set(try coordinator.query("SELECT key FROM cell WHERE state = 'failed'"))
        let innocent = failed.subtracting([scenario.poison?.hex, scenario.badCell?.hex].compactMap(\.self))
        outcome.parked += innocent.count
        for row in try coordinator.query("SELECT key, reason FROM cell WHERE state = 'failed'") {
            let parts = row.split(separator: "|", maxSplits: 1).map(String.init)
            guard innocent.contains(parts[0]), let key = CellKey(hex: parts[0]) else { continue }
            if !blame.explains(key, failures: workers.map { it in it.failed.count { $0 == key } }) {
                let history = try coordinator.history(of: key) + strikes
                let what = "cell \(key) was parked for what it had no part in: \(parts[1])"
                outcome.violations.append(([what] + history).joined(separator: "\n"))
            }
        }
        blame.forget()
        guard !innocent.isEmpty, retries < 3 else {
            isOver = true
            return
        }
        // While things go wrong, chance may park them again and again; afterwards a retry must do.
        if clock.now > scenario.trouble { retries += 1 }
        agenda.plan(.startCoordinator(retriesFailed: true), at: clock.now + 1)
        for worker in workers.indices {
            workers[worker].mend()
            agenda.plan(.startWorker(worker), at: clock.now + 2)
        }
    }

    func check() throws {
        outcome.violations += try Invariants.violations(in: coordinator)
        let states = try coordinator.query("SELECT key, state FROM cell")
        let hopeless = Set([scenario.poison?.hex, scenario.badCell?.hex].compactMap(\.self))
        for state in states {
            let parts = state.split(separator: "|").map(String.init)
            let isHopeless = hopeless.contains(parts[0])
            if parts[1] != "done", !isHopeless { outcome.violations.append("cell \(parts[0]) is \(parts[1])") }
        }
        let images = try coordinator.query("SELECT key, sha256 FROM image JOIN cell ON cell.id = image.cell")
        var stored: [String: String] = [:]
        for image in images {
            let parts = image.split(separator: "|").map(String.init)
            stored[parts[0]] = parts[1]
            let expected = CellKey(hex: parts[0]).flatMap(SimulatedImage.png)
            if expected == nil || coordinator.bytes(ofImage: parts[1]) != expected {
                outcome.violations.append("the image of cell \(parts[0]) is not on the disk as it was rendered")
            }
        }
        for worker in workers {
            for cell in worker.acknowledged where stored[cell.hex] == nil {
                outcome.violations.append("cell \(cell) was acknowledged to \(worker.number) and is not there")
            }
            outcome.rendered += worker.rendered
            outcome.losses += worker.losses
        }
        outcome.failures = try coordinator.query("SELECT 1 FROM event WHERE text LIKE 'A cell failed%'").count
        outcome.attempts = try coordinator.query("SELECT state, reason FROM attempt ORDER BY id")
    }
}
