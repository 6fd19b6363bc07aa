import Foundation
import SharedModel

@testable import Coordinator
@testable import Worker

/// One run of a scenario: a real coordinator and real worker sessions on a simulated network, in virtual time.
///
/// Every choice comes from the seed, and one event is dealt with to its end before the next begins: a seed always gives
/// the same run.
final class Simulation {
    /// What a run came to.
    struct Outcome {
        /// Promises that were broken, in sentences; empty is what should be.
        var violations: [String] = []
        /// Virtual time until the last image was acknowledged, and until the coordinator ended, in seconds.
        var doneAfter = 0.0
        var seconds = 0.0
        var events = 0
        var rendered: [CellKey] = []
        /// Leases that workers lost before they had rendered their cells.
        var losses = 0
        /// Workers that did not know that the sweep was over when the coordinator ended.
        var untold = 0
        /// Failures that workers reported.
        var failures = 0
        /// Sound cells that were parked, each as often as that happened.
        var parked = 0
        /// State and reason of every attempt.
        var attempts: [String] = []
    }

    private enum Event {
        case tick(life: Int)
        case connected(link: Int)
        case toCoordinator(ConnectionEvent, link: Int)
        case toWorker(CoordinatorMessage, link: Int)
        case closedAtCoordinator(link: Int)
        case closedAtWorker(link: Int, why: String)
        case timer(SessionTimer, worker: Int, life: Int, token: Int)
        case work(worker: Int, life: Int, token: Int)
        case fault(Scenario.Fault)
        case startWorker(Int)
        /// Somebody ends a process that hangs.
        case endHung(worker: Int, life: Int)
        case startCoordinator(retriesFailed: Bool)
    }

    /// A connection: two lines that keep their order.
    private struct Link {
        var worker: Int
        var workerLife: Int
        /// When the latest message in either direction arrives.
        var arrival = (up: 0.0, down: 0.0)
        /// Until when the coordinator gets to nothing that came over it, nor to its end.
        var heldUntil = 0.0
        /// Nothing that is sent from now on arrives.
        var isCut = false
        var isOpenAtWorker = true
    }

    /// Longer than any sweep here takes, even with the longest time-outs one after the other.
    private static let limit = 20_000.0
    private static let tickInterval = 2.0

    private let scenario: Scenario
    private let plan: SweepPlan
    private let clock = VirtualClock()
    private let coordinator: CoordinatorSide
    private var random: SplitMix
    private var agenda = Agenda<Event>()
    private var links: [Int: Link] = [:]
    private var lastLink = 0
    private var workers: [WorkerSide]
    private var lives: [Int]
    private var currentLink: [Int?]
    /// Until when nothing happens in a process, and nothing passes to or from a worker.
    private var frozenUntil: [Double]
    private var coordinatorFrozenUntil = 0.0
    private var partitionedUntil: [Double]
    /// How long the hello of each worker's next connection is held up.
    private var straggling: [Double?]
    private var coordinatorLife = 0
    private var isOver = false
    private var retries = 0
    private var blame: Blame
    /// Which fault struck whom, and when, to explain a broken promise by.
    private var strikes: [String] = []
    private var outcome = Outcome()

    private init(_ scenario: Scenario, folder: URL) {
        self.scenario = scenario
        plan = scenario.plan
        random = SplitMix(state: scenario.seed)
        let secret = JoinSecret()
        coordinator = CoordinatorSide(scenario, folder: folder, secret: secret, clock: clock)
        workers = scenario.paces.indices.map { WorkerSide(number: $0, scenario: scenario, secret: secret) }
        lives = workers.map { _ in 0 }
        currentLink = workers.map { _ in nil }
        frozenUntil = workers.map { _ in 0 }
        partitionedUntil = workers.map { _ in 0 }
        straggling = workers.map { _ in nil }
        blame = Blame(workers: workers.count)
    }

    /// Runs a scenario in a directory of its own, which is gone afterwards.
    static func run(_ scenario: Scenario) async throws -> Outcome {
        // In memory where that is to be had: no power fails here, and thousands of syncs would take their time.
        let memory = URL(filePath: "/dev/shm")
        let root =
            FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
        let folder = root.appending(path: "tmdne-simulation-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let simulation = Simulation(scenario, folder: folder)
        try await simulation.run()
        return simulation.outcome
    }

    private func run() async throws {
        try await coordinator.start(plan: plan)
        agenda.plan(.tick(life: 0), at: Self.tickInterval)
        for number in workers.indices { agenda.plan(.startWorker(number), at: .random(in: 0...5, using: &random)) }
        for fault in scenario.faults { planFault(fault) }
        while !isOver, let (time, event) = agenda.next(), time < Self.limit {
            clock.now = max(clock.now, time)
            outcome.events += 1
            try await happen(event)
            collect()
            if coordinator.isRunning, coordinator.hasEnded { try await concludeOrRetry() }
        }
        outcome.seconds = clock.now
        if !isOver { outcome.violations.append("the sweep did not end") }
        await coordinator.stop()
        try check()
    }

    // MARK: What happens

    private func happen(_ event: Event) async throws {
        switch event {
        case .tick(let life):
            guard life == coordinatorLife, coordinator.isRunning else { return }
            if isLater(event, than: coordinatorFrozenUntil) { return }
            await coordinator.tick()
            agenda.plan(.tick(life: life), at: clock.now + Self.tickInterval)
        case .connected(let link):
            guard let worker = links[link]?.worker, isCurrent(link) else { return }
            guard coordinator.isRunning else { return lose(link, why: "refused", within: 0.1) }
            coordinator.connected(link, of: worker)
            grant(workers[worker].connected(), to: worker)
        case .toCoordinator(let event, let link):
            guard let it = links[link], !it.isCut else { return }
            if isLater(.toCoordinator(event, link: link), than: max(coordinatorFrozenUntil, it.heldUntil)) { return }
            if case .message(.hello) = event, isCurrent(link) { blame.joined(it.worker) }
            if await !coordinator.handle(event, on: link) {
                collect()
                planClosing(link, why: "closed")
            }
        case .toWorker(let message, let link):
            guard let worker = links[link]?.worker, links[link]?.isCut == false, isCurrent(link) else { return }
            if isLater(event, than: frozenUntil[worker]) { return }
            if case .grant(let it) = message { blame.received(it.lease, by: worker) }
            grant(workers[worker].received(message), to: worker)
        case .closedAtCoordinator(let link):
            if isLater(event, than: max(coordinatorFrozenUntil, links[link]?.heldUntil ?? 0)) { return }
            await coordinator.closed(link)
        case .closedAtWorker(let link, let why):
            guard let worker = links[link]?.worker, isCurrent(link) else { return }
            if isLater(event, than: frozenUntil[worker]) { return }
            links[link]?.isOpenAtWorker = false
            currentLink[worker] = nil
            grant(workers[worker].closed(because: why), to: worker)
        case .timer(let timer, let worker, let life, let token):
            guard life == lives[worker], !isLater(event, than: frozenUntil[worker]) else { return }
            grant(workers[worker].timerFired(timer, token: token), to: worker)
        case .work(let worker, let life, let token):
            guard life == lives[worker], !isLater(event, than: frozenUntil[worker]) else { return }
            guard let wishes = workers[worker].step(token) else { return try crash(worker) }
            grant(wishes, to: worker)
        case .fault(let fault):
            try await strike(fault)
            planFault(fault)
        case .startWorker(let worker):
            guard !workers[worker].isRunning else { return }
            let wishes = workers[worker].start(random: &random)
            grant(wishes, to: worker)
        case .endHung(let worker, let life):
            // It may have died, and been started again, before.
            if life == lives[worker] { try crash(worker) }
        case .startCoordinator(let retriesFailed):
            guard !coordinator.isRunning else { return }
            try await coordinator.start(retriesFailed: retriesFailed)
            agenda.plan(.tick(life: coordinatorLife), at: clock.now + Self.tickInterval)
        }
    }

    /// Puts off what would happen to a stopped process.
    private func isLater(_ event: Event, than time: Double) -> Bool {
        guard clock.now < time else { return false }
        agenda.plan(event, at: time)
        return true
    }

    private func isCurrent(_ link: Int) -> Bool {
        guard let it = links[link] else { return false }
        return it.workerLife == lives[it.worker] && currentLink[it.worker] == link
    }

    /// Gives a worker what it wishes.
    private func grant(_ wishes: [WorkerSide.Wish], to worker: Int) {
        for wish in wishes {
            switch wish {
            case .connect:
                lastLink += 1
                links[lastLink] = Link(worker: worker, workerLife: lives[worker])
                currentLink[worker] = lastLink
                let isReachable = coordinator.isRunning && clock.now >= partitionedUntil[worker]
                guard isReachable else { return lose(lastLink, why: "not reached", within: 10) }
                agenda.plan(.connected(link: lastLink), at: clock.now + delay())
                holdUp(lastLink)
            case .close:
                guard let link = currentLink[worker] else { continue }
                agenda.plan(.closedAtWorker(link: link, why: "closed"), at: clock.now)
                planClosing(link, why: "closed")
            case .send(let message):
                guard let link = currentLink[worker] else { continue }
                send(.message(message), up: link)
            case .schedule(let timer, let wait, let token):
                agenda.plan(.timer(timer, worker: worker, life: lives[worker], token: token), at: clock.now + wait)
            case .work(let wait, let token):
                agenda.plan(.work(worker: worker, life: lives[worker], token: token), at: clock.now + wait)
            case .end:
                if let link = currentLink[worker] { planClosing(link, why: "ended") }
                currentLink[worker] = nil
                lives[worker] += 1
            }
        }
    }

    /// Takes what the coordinator wants said and done.
    private func collect() {
        for (id, outputs) in coordinator.takeOutputs() {
            for output in outputs {
                switch output {
                case .message(let message):
                    if case .ack(let ack) = message, ack.outcome == .stored { outcome.doneAfter = clock.now }
                    if case .grant(let it) = message, let worker = links[id]?.worker {
                        blame.granted(it, to: worker)
                    }
                    guard var link = links[id], !link.isCut else { continue }
                    link.arrival.down = arrival(after: link.arrival.down, worker: link.worker)
                    links[id] = link
                    agenda.plan(.toWorker(message, link: id), at: link.arrival.down)
                case .notice(let event):
                    agenda.plan(.toCoordinator(event, link: id), at: clock.now)
                case .cut:
                    planClosing(id, why: "cut off")
                    agenda.plan(.closedAtCoordinator(link: id), at: clock.now)
                }
            }
        }
    }

    private func send(_ event: ConnectionEvent, up id: Int) {
        guard var link = links[id], !link.isCut else { return }
        link.arrival.up = arrival(after: link.arrival.up, worker: link.worker)
        links[id] = link
        agenda.plan(.toCoordinator(event, link: id), at: link.arrival.up)
    }

    /// Both ends close in good order: what was sent before still arrives.
    private func planClosing(_ id: Int, why: String) {
        guard let link = links[id] else { return }
        agenda.plan(.closedAtCoordinator(link: id), at: arrival(after: link.arrival.up, worker: link.worker))
        agenda.plan(.closedAtWorker(link: id, why: why), at: arrival(after: link.arrival.down, worker: link.worker))
    }

    /// A connection is lost with everything that is on its way.
    private func lose(_ id: Int, why: String, within seconds: Double, isNoticed: (up: Bool, down: Bool) = (true, true))
    {
        links[id]?.isCut = true
        let times = (Double.random(in: 0...seconds, using: &random), Double.random(in: 0...seconds, using: &random))
        if isNoticed.up { agenda.plan(.closedAtCoordinator(link: id), at: clock.now + times.0) }
        if isNoticed.down { agenda.plan(.closedAtWorker(link: id, why: why), at: clock.now + times.1) }
    }

    /// Has what a new connection brings come late, if that is its lot; its worker gives it up before or soon after.
    private func holdUp(_ id: Int) {
        guard let worker = links[id]?.worker, let length = straggling[worker] else { return }
        straggling[worker] = nil
        links[id]?.heldUntil = clock.now + length
        agenda.plan(.closedAtWorker(link: id, why: "reset"), at: clock.now + .random(in: 0.1...4, using: &random))
    }

    /// Mostly milliseconds, now and then seconds.
    private func delay() -> Double {
        let isSlow = Int.random(in: 0..<20, using: &random) == 0
        return .random(in: 0.0005...(isSlow ? 3 : 0.02), using: &random)
    }

    private func arrival(after latest: Double, worker: Int) -> Double {
        max(latest, max(clock.now, partitionedUntil[worker]) + delay())
    }

    // MARK: What goes wrong

    private func planFault(_ fault: Scenario.Fault) {
        let time = clock.now + .random(in: 0.1...(2 * scenario.between), using: &random)
        if time < scenario.trouble { agenda.plan(.fault(fault), at: time) }
    }

    private func strike(_ fault: Scenario.Fault) async throws {
        let worker = Int.random(in: workers.indices, using: &random)
        let length = Double.random(in: 1...120, using: &random)
        strikes.append("\(Int(clock.now)) s \(fault) of \(worker) for \(Int(length)) s")
        switch fault {
        case .cut:
            guard let link = currentLink[worker] else { return }
            let notice = Int.random(in: 0..<4, using: &random)
            lose(link, why: "reset", within: 5, isNoticed: (notice != 1, notice != 2))
        case .partition:
            partitionedUntil[worker] = max(partitionedUntil[worker], clock.now + length)
        case .workerCrash:
            try crash(worker)
        case .coordinatorCrash:
            guard coordinator.isRunning else { return }
            await coordinator.stop()
            coordinatorLife += 1
            coordinatorFrozenUntil = 0
            for id in links.keys.sorted() where links[id]?.isCut == false { lose(id, why: "reset", within: 1) }
            agenda.plan(.startCoordinator(retriesFailed: false), at: clock.now + length)
        case .workerFreeze:
            frozenUntil[worker] = max(frozenUntil[worker], clock.now + length)
        case .coordinatorFreeze:
            coordinatorFrozenUntil = max(coordinatorFrozenUntil, clock.now + length)
        case .vanish:
            let last = workers.count - 1
            guard last >= 2, workers[last].isRunning else { return }
            try noteDeath(of: last)
            workers[last].crash()
            lives[last] += 1
            if let link = currentLink[last] { lose(link, why: "", within: 1, isNoticed: (false, false)) }
            currentLink[last] = nil
        case .duplicate:
            guard let link = currentLink[worker] else { return }
            // A connection's task may be busy for as long, and what has come meanwhile waits.
            let hold = Double.random(in: 1...20, using: &random)
            let held = max(links[link]?.heldUntil ?? 0, clock.now + hold)
            links[link]?.heldUntil = held
            let end = clock.now + .random(in: 0...hold, using: &random)
            agenda.plan(.closedAtWorker(link: link, why: "given up"), at: end)
            if Bool.random(using: &random) { agenda.plan(.closedAtCoordinator(link: link), at: end) }
        case .reorder:
            straggling[worker] = .random(in: 1...20, using: &random)
            guard let link = currentLink[worker] else { return }
            lose(link, why: "reset", within: 1, isNoticed: (Bool.random(using: &random), true))
        case .clockJump:
            clock.setWall(by: .random(in: -604_800...604_800, using: &random))
        case .hang:
            // Somebody must be there to go on.
            guard workers.count == 1 || workers.count(where: { $0.isRunning && !$0.isHung }) > 1 else { return }
            workers[worker].hang()
            // Somebody starts it again in the end, but long after the coordinator should have stopped waiting.
            guard workers[worker].isHung else { return }
            try noteDeath(of: worker)
            agenda.plan(.endHung(worker: worker, life: lives[worker]), at: clock.now + 7200)
        }
    }

    private func noteDeath(of worker: Int) throws {
        let done = try coordinator.query("SELECT key FROM cell WHERE state = 'done'").compactMap { CellKey(hex: $0) }
        let settled = Set(done + workers[worker].failed)
        let undone = workers[worker].held.map { $0.subtracting(settled).map { "\($0)".prefix(6) } }
        strikes.append("\(Int(clock.now)) s worker-\(worker) died with \(undone)")
        blame.died(worker, holding: workers[worker].held, settled: settled)
    }

    private func crash(_ worker: Int) throws {
        guard workers[worker].isRunning else { return }
        if !workers[worker].isHung { try noteDeath(of: worker) }
        workers[worker].crash()
        lives[worker] += 1
        frozenUntil[worker] = 0
        if let link = currentLink[worker] { lose(link, why: "crash", within: 1, isNoticed: (true, false)) }
        currentLink[worker] = nil
        agenda.plan(.startWorker(worker), at: clock.now + .random(in: 0.5...30, using: &random))
    }

    // MARK: The end

    /// The coordinator has ended. What chance parked beside what can't be rendered is tried again, as a person would.
    private func concludeOrRetry() async throws {
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

    private func check() throws {
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
