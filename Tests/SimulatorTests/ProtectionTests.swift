import SharedModel
import Testing

@testable import Coordinator

/// Each protection by itself, against the fault that it is there for, and what comes of the fault without it.
@Suite("Simulator: protections")
struct ProtectionTests {
    private static let seeds: ClosedRange<UInt64> = 1...12

    /// The outcomes of some seeds of a scenario.
    private func outcomes(_ change: (inout Scenario) -> Void) async throws -> [Simulation.Outcome] {
        var outcomes: [Simulation.Outcome] = []
        for seed in Self.seeds {
            var scenario = Scenario(seed: seed)
            change(&scenario)
            outcomes.append(try await Simulation.run(scenario))
        }
        return outcomes
    }

    /// Grants that were lost with their connection are not counted: no worker ever had them.
    private func expired(_ outcomes: [Simulation.Outcome]) -> Int {
        outcomes.flatMap(\.attempts).count {
            $0.hasPrefix("expired") && !$0.contains("the worker came back without it")
        }
    }

    /// How often a cell was rendered that had been rendered before.
    private func repetitions(_ outcomes: [Simulation.Outcome]) -> Int {
        outcomes.reduce(0) { $0 + $1.rendered.count - Set($1.rendered).count }
    }

    @Test(
        "a host that is gone for good is noticed by its silence; else its cells wait ten minutes, as for a hung engine")
    func silence() async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [2, 2, 5]
                (scenario.faults, scenario.between, scenario.trouble) = ([.vanish], 8, 30)
                scenario.protections.noticesSilence = isProtected
                scenario.protections.copiesSlowLeases = false
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            let late = outcomes.count { $0.seconds > 300 }
            #expect(isProtected ? late == 0 : late > 0)
        }
    }

    @Test("an engine that hangs while its worker beats is noticed; else the sweep waits until somebody looks")
    func standstill() async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [2, 2, 2]
                (scenario.faults, scenario.between, scenario.trouble) = ([.hang], 10, 15)
                scenario.protections.noticesStandstill = isProtected
                scenario.protections.copiesSlowLeases = false
            }
            let late = outcomes.count { $0.seconds > 5000 || !$0.violations.isEmpty }
            #expect(isProtected ? late == 0 : late > 0)
        }
    }

    @Test("a worker that is cut off or asleep again and again with its only cell gets nobody parked")
    func absences() async throws {
        let outcomes = try await outcomes { scenario in
            (scenario.rows, scenario.guidances, scenario.paces) = (1, 1, [120])
            (scenario.faults, scenario.between, scenario.trouble) = ([.partition, .workerFreeze], 60, 900)
        }
        #expect(outcomes.allSatisfy { $0.violations.isEmpty && $0.parked == 0 })
        // Else the cell would not have been in danger.
        #expect(outcomes.contains { expired([$0]) >= SweepStore.crashLimit })
    }

    @Test("a coordinator that was stopped for a while takes nobody's lease away")
    func clockGaps() async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [5, 5]
                (scenario.faults, scenario.between, scenario.trouble) = ([.coordinatorFreeze], 20, 100)
                scenario.protections.noticesClockGaps = isProtected
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            let ended = expired(outcomes)
            #expect(isProtected ? ended == 0 : ended > 0, "\(ended), \(isProtected)")
        }
    }

    @Test("a coordinator that dies and comes back finds its workers rendering, and nothing is rendered twice")
    func restarts() async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [3, 3]
                (scenario.faults, scenario.between, scenario.trouble) = ([.coordinatorCrash], 20, 100)
                scenario.protections.keepsLeasesOfTheAbsent = isProtected
                scenario.protections.copiesSlowLeases = false
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            #expect(isProtected ? repetitions(outcomes) == 0 : repetitions(outcomes) > 0)
        }
    }

    @Test("what a worker finished before it died is delivered by the next one, never rendered again")
    func spools() async throws {
        for losesSpools in [false, true] {
            let outcomes = try await outcomes { scenario in
                // The coordinator is away half of the time, so that images wait.
                scenario.paces = [1]
                scenario.faults = [.workerCrash, .coordinatorCrash]
                (scenario.between, scenario.trouble) = (10, 200)
                scenario.losesSpools = losesSpools
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            #expect(losesSpools ? repetitions(outcomes) > 0 : repetitions(outcomes) == 0)
        }
    }

    @Test("a worker that fails while others succeed is left alone, and fails little")
    func quarantine() async throws {
        var failures: [Int] = []
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                (scenario.rows, scenario.guidances, scenario.paces) = (6, 12, [0.5, 4, 4])
                scenario.hasSickWorker = true
                scenario.protections.quarantines = isProtected
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            failures.append(outcomes.reduce(0) { $0 + $1.failures })
        }
        #expect(failures[0] * 2 < failures[1])
    }

    @Test("copies of slow leases end a sweep sooner when a worker grows slow at its end")
    func copies() async throws {
        var seconds: [Double] = []
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                (scenario.rows, scenario.guidances, scenario.paces) = (2, 8, [1, 1])
                (scenario.faults, scenario.between, scenario.trouble) = ([.workerFreeze], 8, 12)
                scenario.protections.copiesSlowLeases = isProtected
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            seconds.append(outcomes.reduce(0) { $0 + $1.seconds })
        }
        #expect(seconds[0] < seconds[1])
    }

    @Test("a fast host and a slow one end together: no more than one slow image after what is possible")
    func fairness() async throws {
        // 72 cells at 1 + 1/10 images a second; workers join within 5 s, and an idle one asks again after 2 s.
        let limit = 72 / 1.1 + 10 + 5 + 2
        var late: [Int] = []
        for (isProtected, copies) in [(true, true), (true, false), (false, false)] {
            let outcomes = try await outcomes { scenario in
                (scenario.rows, scenario.guidances, scenario.paces) = (8, 9, [1, 10])
                scenario.protections.adaptsShares = isProtected
                scenario.protections.copiesSlowLeases = copies
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            late.append(outcomes.count { $0.doneAfter >= limit })
        }
        // Without copies a slow host that comes first, and alone, keeps a whole shard for itself whatever the shares are.
        #expect(late[0] == 0 && late[1] < late[2], "\(late)")
    }

    @Test(
        "what comes late over a connection that its worker has given up costs the worker no lease",
        arguments: [Scenario.Fault.duplicate, .reorder])
    func lateConnections(fault: Scenario.Fault) async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [5, 5]
                (scenario.faults, scenario.between, scenario.trouble) = ([fault], 15, 100)
                scenario.protections.numbersConnections = isProtected
                scenario.protections.copiesSlowLeases = false
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            let losses = outcomes.reduce(0) { $0 + $1.losses }
            #expect(isProtected ? losses == 0 : losses > 0, "\(losses), \(isProtected)")
        }
    }

    @Test("every worker hears of the end before the coordinator is gone; else it tries to come back for ever")
    func farewell() async throws {
        for isProtected in [true, false] {
            let outcomes = try await outcomes { scenario in
                scenario.paces = [1, 1, 2]
                scenario.protections.saysFarewell = isProtected
            }
            #expect(outcomes.allSatisfy { $0.violations.isEmpty })
            let untold = outcomes.reduce(0) { $0 + $1.untold }
            #expect(isProtected ? untold == 0 : untold > 0, "\(untold), \(isProtected)")
        }
    }
}
