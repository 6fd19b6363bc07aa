import SharedModel

@testable import Coordinator

/// What goes wrong.
extension Simulation {
    func planFault(_ fault: Scenario.Fault) {
        let time = clock.now + .random(in: 0.1...(2 * scenario.between), using: &random)
        if time < scenario.trouble { agenda.plan(.fault(fault), at: time) }
    }

    func strike(_ fault: Scenario.Fault) async throws {
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

    func crash(_ worker: Int) throws {
        guard workers[worker].isRunning else { return }
        if !workers[worker].isHung { try noteDeath(of: worker) }
        workers[worker].crash()
        lives[worker] += 1
        frozenUntil[worker] = 0
        if let link = currentLink[worker] { lose(link, why: "crash", within: 1, isNoticed: (true, false)) }
        currentLink[worker] = nil
        agenda.plan(.startWorker(worker), at: clock.now + .random(in: 0.5...30, using: &random))
    }
}
