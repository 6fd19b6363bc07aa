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

    enum Event {
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
    struct Link {
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

    let scenario: Scenario
    let plan: SweepPlan
    let clock = VirtualClock()
    let coordinator: CoordinatorSide
    var random: SplitMix
    var agenda = Agenda<Event>()
    var links: [Int: Link] = [:]
    private var lastLink = 0
    var workers: [WorkerSide]
    var lives: [Int]
    var currentLink: [Int?]
    /// Until when nothing happens in a process, and nothing passes to or from a worker.
    var frozenUntil: [Double]
    var coordinatorFrozenUntil = 0.0
    var partitionedUntil: [Double]
    /// How long the hello of each worker's next connection is held up.
    var straggling: [Double?]
    var coordinatorLife = 0
    var isOver = false
    var retries = 0
    var blame: Blame
    /// Which fault struck whom, and when, to explain a broken promise by.
    var strikes: [String] = []
    var outcome = Outcome()

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

    func isCurrent(_ link: Int) -> Bool {
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
    func lose(_ id: Int, why: String, within seconds: Double, isNoticed: (up: Bool, down: Bool) = (true, true)) {
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
    func delay() -> Double {
        let isSlow = Int.random(in: 0..<20, using: &random) == 0
        return .random(in: 0.0005...(isSlow ? 3 : 0.02), using: &random)
    }

    private func arrival(after latest: Double, worker: Int) -> Double {
        max(latest, max(clock.now, partitionedUntil[worker]) + delay())
    }
}
