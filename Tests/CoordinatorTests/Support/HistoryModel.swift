import SharedModel

@testable import Coordinator

/// What a careful reader of the rules would remember about a history of leases.
///
/// It counts in seconds for which the coordinator was awake, so that a suspension takes no time at all; the book moves its
/// deadlines instead.
struct HistoryModel {
    struct Presence {
        var connection: Int?
        var latest: Int?
        var heard: Int
        var moved: Int
        /// When its absence has lasted too long.
        var awayUntil = 0
        /// In the order of the grants.
        var leases: [LeaseID] = []
        var said: Beat?
        var revoked: Set<LeaseID> = []
        var isStuck = false
    }

    /// What a worker has shown of itself; these times are those of the clock, for they are only compared with one another.
    struct Record {
        var images: [WorkSize: [Double]] = [:]
        var delivered: Int?
        var failures = 0
        var failingSince: Int?
        var quarantines = 0
        /// In waking time.
        var isolatedUntil = 0
    }

    /// What can happen to a worker, to see that a history is worth its name.
    enum Fate: CaseIterable {
        case silent, gone, stuck, stuckBeforeAnyImage, quarantined, restarted, suspended, copied
    }

    private(set) var workers: [String: Presence] = [:]
    private(set) var records: [String: Record] = [:]
    private(set) var second = 0
    private(set) var awake = 0
    private(set) var fates: Set<Fate> = []
    private var sizes: [LeaseID: WorkSize] = [:]
    private var amnesty = 0
    private var hasSlept = false

    var live: Set<LeaseID> { Set(workers.values.flatMap(\.leases)) }

    func leases(of identity: String) -> [LeaseID] { workers[identity]?.leases ?? [] }
    func connection(of identity: String) -> Int? { workers[identity]?.connection }

    mutating func met(_ fate: Fate) { fates.insert(fate) }

    /// Time passes until the next tick; more than five seconds of it were slept through.
    mutating func pass(_ seconds: Int) {
        second += seconds
        hasSlept = seconds > 5
        if !hasSlept { awake += seconds }
    }

    /// Another coordinator takes over after a while.
    mutating func restart(after seconds: Int) {
        second += seconds
        awake += seconds
        fates.insert(.restarted)
        workers = workers.filter { !$0.value.leases.isEmpty }.mapValues {
            Presence(heard: awake, moved: awake, awayUntil: awake + 60, leases: $0.leases)
        }
        (records, sizes, amnesty) = ([:], [:], 0)
    }

    // MARK: What workers do

    /// - Returns: The leases that are over.
    mutating func joined(_ identity: String, on connection: Int, naming named: [LeaseID]) -> [LeaseID] {
        var worker = workers[identity] ?? Presence(heard: awake, moved: awake)
        let ended = worker.leases.filter { !named.contains($0) }
        if !ended.isEmpty { failed(identity) }
        worker.leases.removeAll(where: ended.contains)
        (worker.connection, worker.latest, worker.heard, worker.moved) = (connection, connection, awake, awake)
        workers[identity] = worker
        return ended
    }

    /// - Returns: The leases that are over.
    mutating func left(_ identity: String, saidGoodbye: Bool) -> [LeaseID] {
        if saidGoodbye { return workers.removeValue(forKey: identity)?.leases ?? [] }
        workers[identity]?.connection = nil
        workers[identity]?.awayUntil = max(awake + 10, amnesty)
        return []
    }

    mutating func granted(_ lease: LeaseID, to identity: String, of size: WorkSize) {
        if leases(of: identity).isEmpty { moved(identity) }
        workers[identity]?.leases.append(lease)
        sizes[lease] = size
    }

    mutating func heard(_ identity: String) { workers[identity]?.heard = awake }
    mutating func moved(_ identity: String) { workers[identity]?.moved = awake }

    /// - Returns: The lease that the beat names, when it is not the worker's.
    mutating func said(_ beat: Beat, by identity: String) -> [LeaseID] {
        guard let worker = workers[identity] else { return [] }
        guard let lease = beat.lease, worker.leases.contains(lease) else {
            workers[identity]?.said = nil
            workers[identity]?.isStuck = beat.lease.map(worker.revoked.contains) ?? false
            if beat.lease == nil { workers[identity]?.revoked = [] }
            return beat.lease.map { [$0] } ?? []
        }
        if worker.said != beat { moved(identity) }
        workers[identity]?.said = beat
        workers[identity]?.isStuck = false
        return []
    }

    mutating func delivered(_ seconds: Double, of size: WorkSize, by identity: String) {
        moved(identity)
        var record = records[identity] ?? Record()
        record = Record(images: record.images, delivered: second)
        record.images[size, default: []].append(seconds)
        records[identity] = record
    }

    /// Five failures in a row, while others deliver, are a quarantine; after that each one is, twice as long as the last.
    mutating func failed(_ identity: String) {
        let others = records.filter { $0.key != identity }.compactMap(\.value.delivered).max()
        var record = records[identity] ?? Record()
        record.failures += 1
        let since = record.failingSince ?? second
        record.failingSince = since
        if record.failures >= 5 || record.quarantines > 0, let others, others >= since {
            record.isolatedUntil = awake + min(60 << min(record.quarantines, 6), 3600)
            record.quarantines += 1
        }
        records[identity] = record
    }

    mutating func finished(_ leases: [LeaseID]) {
        for identity in workers.keys { workers[identity]?.leases.removeAll(where: leases.contains) }
    }

    // MARK: What follows

    /// Whether an answer to a claim is one that the rules allow.
    func allows(_ allowance: Allowance, for identity: String, pending: Int) -> Bool {
        let record = records[identity] ?? Record()
        let hasCompany = workers.contains { $0.key != identity && $0.value.connection != nil && !$0.value.isStuck }
        let isIsolated = hasCompany && record.isolatedUntil > awake
        let isRefused = leases(of: identity).count >= 8 || workers[identity]?.isStuck == true || isIsolated
        switch allowance {
        case .nothing: return isRefused
        case .cells(let count) where hasCompany:
            // Half of a share, which is never more than everything.
            let half = record.quarantines > 0 ? 1 : record.images.isEmpty ? 4 : pending / 2 + 1
            return !isRefused && (1...min(half, 256)).contains(count)
        case .cells(let count): return !isRefused && count == 256
        }
    }

    /// Whom time has run out for.
    ///
    /// - Returns: The connections to be closed, and how each lease ends.
    mutating func tick() -> (silent: Set<Int>, ended: [LeaseID: LeaseEnding]) {
        if hasSlept {
            fates.insert(.suspended)
            amnesty = awake + 60
            for identity in workers.keys { workers[identity]?.awayUntil = amnesty }
        }
        hasSlept = false
        var silent: Set<Int> = []
        var ended: [LeaseID: LeaseEnding] = [:]
        for (identity, worker) in workers {
            let isLate = worker.connection == nil ? awake >= worker.awayUntil : awake - worker.heard > 30
            let still = worker.leases.isEmpty || worker.connection == nil ? 0 : awake - worker.moved
            guard isLate || still > 60 && still > patience(with: identity) else { continue }
            for lease in worker.leases { ended[lease] = isLate ? .expired : .revoked }
            if !worker.leases.isEmpty { failed(identity) }
            if isLate {
                fates.insert(worker.connection == nil ? .gone : .silent)
                if let connection = worker.connection { silent.insert(connection) }
                workers[identity] = nil
            } else {
                fates.insert(patience(with: identity) == 600 ? .stuckBeforeAnyImage : .stuck)
                workers[identity]?.leases = []
                workers[identity]?.revoked.formUnion(worker.leases)
                workers[identity]?.isStuck = true
            }
        }
        return (silent, ended)
    }

    /// Eight times what 19 of the latest 20 images took, at least a minute, and ten where a lease's size is new.
    private func patience(with identity: String) -> Int {
        leases(of: identity).map { lease in
            let images = sizes[lease].flatMap { records[identity]?.images[$0]?.suffix(64).sorted() } ?? []
            // Nearest rank: the least that 95 of 100 do not exceed.
            guard let usual = images.first(where: { it in images.count { $0 <= it } * 100 >= images.count * 95 })
            else { return 600 }
            return max(60, Int(8 * usual))
        }.max() ?? 60
    }
}
