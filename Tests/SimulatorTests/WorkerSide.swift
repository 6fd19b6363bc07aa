import Crypto
import Foundation
import PNG
import SharedModel

@testable import Worker

/// A real worker's session on a simulated engine and spool.
///
/// What the session wants of the network and the clock is handed out as ``Wish``es; the rest is done here.
struct WorkerSide {
    /// What only the simulation can do.
    enum Wish {
        case connect
        case close
        case send(WorkerMessage)
        case schedule(SessionTimer, after: Double, token: Int)
        /// Come back to ``step(_:)`` after this long.
        case work(after: Double, token: Int)
        case end
    }

    private struct Job {
        var grant: Grant
        var cells: [GrantedCell]
        var next = 0
        var step = 0
    }

    let number: Int
    let identity: String
    private let scenario: Scenario
    private let secret: JoinSecret
    /// On the disk: outlives the process.
    private var spool: [(entry: SpoolEntry, png: [UInt8])] = []
    private var session: Worker.WorkerSession?
    private var timers: [SessionTimer: Int] = [:]
    private var nextToken = 0
    private var jobs: [Job] = []
    private var lost: Set<LeaseID> = []
    private var isWindingDown = false
    private var isWorking = false
    private var workToken = 0
    private var beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
    private var loaded: CellKey?
    private var queue: [SessionAction] = []
    private var isPerforming = false
    private(set) var isHung = false
    /// Whether every cell fails here.
    private var isSick: Bool
    private var isUnable: Bool
    /// Images that were acknowledged as stored: each is a promise.
    private(set) var acknowledged: [CellKey] = []
    /// Images that were rendered to their end, the same cell as often as that happened.
    private(set) var rendered: [CellKey] = []
    /// Cells that failed here and are sound.
    private(set) var failed: [CellKey] = []
    /// Leases that were taken from it before it had rendered their cells.
    private(set) var losses = 0
    private(set) var ending: SessionEnding?
    private var starts = 0
    /// What it was granted in this life.
    private var grants: [LeaseID: Set<CellKey>] = [:]

    init(number: Int, scenario: Scenario, secret: JoinSecret) {
        self.number = number
        self.scenario = scenario
        self.secret = secret
        let digits = String(number, radix: 16)
        isSick = scenario.hasSickWorker && number == 0
        isUnable = scenario.hasUnableWorker && number == 0
        identity = String(repeating: "0", count: 32 - digits.count) + digits
    }

    var isRunning: Bool { session != nil }

    /// Whether it is there and has not been told that nothing more is granted.
    var hopesForMore: Bool { session?.isDraining == false }

    /// The cells of each lease that it has not lost.
    var held: [Set<CellKey>] { session?.leases.live.compactMap { grants[$0] } ?? [] }

    mutating func start(random: inout SplitMix) -> [Wish] {
        starts += 1
        let life = String(starts, radix: 16)
        let hello = Hello(
            version: WireLimits.protocolVersion, secret: secret.base64URL, name: "worker-\(number)",
            identity: identity, device: "simulated", program: "simulation", leases: [],
            life: String(repeating: "0", count: 32 - life.count) + life)
        let backoff = Backoff(
            shortest: .milliseconds(250), longest: .seconds(10), generator: SplitMix(state: random.next()))
        var session = Worker.WorkerSession(
            configuration: .init(hosts: ["simulation"], port: 1, hello: hello), leftovers: spool.map(\.entry),
            backoff: backoff)
        ending = nil
        let actions = session.start()
        self.session = session
        return perform(actions)
    }

    /// The process dies.
    mutating func crash() {
        session = nil
        timers = [:]
        jobs = []
        lost = []
        grants = [:]
        (isWindingDown, isWorking, isHung) = (false, false, false)
        beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
        if scenario.losesSpools { spool = [] }
    }

    /// A person mends whatever was wrong with the host.
    mutating func mend() {
        (isSick, isUnable) = (false, false)
    }

    mutating func hang() {
        if isWorking { isHung = true }
    }

    mutating func connected() -> [Wish] {
        after { $0.connected() }
    }

    mutating func received(_ message: CoordinatorMessage) -> [Wish] {
        if case .grant(let grant) = message { grants[grant.lease] = Set(grant.cells.map(\.key)) }
        return after { $0.received(message) }
    }

    mutating func closed(because reason: String) -> [Wish] {
        after { $0.connectionClosed(reason: reason) }
    }

    mutating func timerFired(_ timer: SessionTimer, token: Int) -> [Wish] {
        guard timers[timer] == token else { return [] }
        timers[timer] = nil
        let beat = beat
        return after { $0.timerFired(timer, beat: beat) }
    }

    // MARK: The engine

    /// One step of the engine.
    ///
    /// - Returns: `nil` when the cell killed the process.
    mutating func step(_ token: Int) -> [Wish]? {
        guard isWorking, token == workToken, !isHung else { return [] }
        isWorking = false
        guard var job = jobs.first else { return [] }
        guard !lost.contains(job.grant.lease), job.next < job.cells.count, !(isWindingDown && job.step == 0) else {
            return finish(job)
        }
        if isUnable {
            let error = WorkerError.unusableModel(name: "tiny", reason: "it is not here")
            return after { $0.reported(.unusable(job.grant.lease, error)) } + finish(job)
        }
        let granted = job.cells[job.next]
        job.step += 1
        jobs[0] = job
        beat = Beat(lease: job.grant.lease, cell: granted.key, step: min(job.step, 4), steps: 4)
        if job.step == 2, granted.key == scenario.poison { return nil }
        var wishes: [Wish] = []
        if job.step == 1, job.next == job.cells.count - 1 {
            wishes += after { $0.reported(.onLastGroup(job.grant.lease)) }
        }
        if job.step == 2, granted.key == scenario.badCell || isSick {
            (jobs[0].next, jobs[0].step) = (job.next + 1, 0)
            let reason = "The cell can't be rendered."
            if granted.key != scenario.badCell { failed.append(granted.key) }
            return wishes + after { $0.reported(.failed(job.grant.lease, granted.key, reason: reason)) } + work()
        }
        guard job.step > 4 else { return wishes + work() }
        (jobs[0].next, jobs[0].step) = (job.next + 1, 0)
        guard let (entry, png) = image(of: granted, under: job.grant.lease) else { return wishes + work() }
        spool.removeAll { $0.entry.cell == granted.key }
        spool.append((entry, png))
        rendered.append(granted.key)
        return wishes + after { $0.reported(.spooled(entry)) } + work()
    }

    private mutating func finish(_ job: Job) -> [Wish] {
        jobs.removeFirst()
        beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
        return after { $0.reported(.ended(job.grant.lease)) } + work()
    }

    private mutating func work() -> [Wish] {
        guard !isWorking, !jobs.isEmpty else { return [] }
        isWorking = true
        workToken += 1
        return [.work(after: scenario.paces[number] / 5, token: workToken)]
    }

    private func image(of granted: GrantedCell, under lease: LeaseID) -> (SpoolEntry, [UInt8])? {
        guard let png = SimulatedImage.png(of: granted.key) else { return nil }
        let timings = Timings(encode: 0, denoise: scenario.paces[number], decode: 0, png: 0)
        let entry = SpoolEntry(
            lease: lease, cell: granted.key, sha256: Hexadecimal.encode(SHA256.hash(data: Data(png))),
            bytes: png.count, timings: timings)
        return (entry, png)
    }

    // MARK: The session

    private mutating func after(_ event: (inout Worker.WorkerSession) -> [SessionAction]) -> [Wish] {
        guard var session else { return [] }
        let actions = event(&session)
        self.session = session
        return perform(actions)
    }

    /// An action may cause an event whose actions follow after those of this one.
    private mutating func perform(_ actions: [SessionAction]) -> [Wish] {
        queue += actions
        guard !isPerforming else { return [] }
        isPerforming = true
        defer { isPerforming = false }
        var wishes: [Wish] = []
        while !queue.isEmpty {
            let action = queue.removeFirst()
            wishes += perform(action)
        }
        return wishes
    }

    private mutating func perform(_ action: SessionAction) -> [Wish] {
        switch action {
        case .connect: return [.connect]
        case .close: return [.close]
        case .send(let message): return [.send(message)]
        case .show(let preview): return [.send(.preview(preview))]
        case .schedule(let timer, let wait):
            nextToken += 1
            timers[timer] = nextToken
            return [.schedule(timer, after: wait / .seconds(1), token: nextToken)]
        case .cancel(let timer): timers[timer] = nil
        case .render(let grant, _, let skipped):
            jobs.append(Job(grant: grant, cells: grant.cells.filter { !skipped.contains($0.key) }))
            return work()
        case .loseRendering(let lease): lost.insert(lease)
        case .windDownRendering: isWindingDown = true
        case .abortRendering: jobs = []
        case .load(let entry):
            let isThere = spool.contains { $0.entry == entry }
            loaded = isThere ? entry.cell : nil
            return after { isThere ? $0.loaded(entry.cell) : $0.unreadable(entry.cell) }
        case .upload(let cell, let offset):
            guard loaded == cell, let png = spool.first(where: { $0.entry.cell == cell })?.png else { return [] }
            // Two chunks, so that an upload can be cut in its middle.
            let half = max(offset, png.count / 2)
            let chunks = [png[offset..<half], png[half...]].filter { !$0.isEmpty }.map {
                Wish.send(.chunk(Array($0)))
            }
            return chunks + after { $0.sent(cell) }
        case .stopUpload: loaded = nil
        case .delete(let entry): spool.removeAll { $0.entry == entry }
        case .tell(.delivered(let cell, .stored, _)): acknowledged.append(cell)
        case .tell(.lost(let lease)):
            if grants[lease]?.isSubset(of: rendered) == false { losses += 1 }
        case .tell: break
        case .end(let ending):
            self.ending = ending
            crashAfterEnd()
            return [.end]
        }
        return []
    }

    private mutating func crashAfterEnd() {
        session = nil
        timers = [:]
        jobs = []
        isWorking = false
    }
}

/// The one image that a cell can have here.
enum SimulatedImage {
    static func png(of key: CellKey) -> [UInt8]? {
        let pixels = NullEngine.picture(of: key, width: 8, height: 8)
        return try? PNGImage(width: 8, height: 8, pixels: pixels).encode(texts: [])
    }
}
