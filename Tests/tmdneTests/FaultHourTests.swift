import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Random faults for as long as one likes.
    @Suite struct FaultHourTests {
        private enum Fault: CaseIterable {
            case killCoordinator
            case killWorker
            case stopCoordinator
            case stopWorker
            case endWorker
        }

        /// What happens while a sweep is rendered by two workers.
        private struct Course {
            let sweep: SmallSweep
            let faults: [Fault]
            /// Numbers of the workers that may die.
            let mortal: ClosedRange<Int>
            /// Milliseconds from one fault to the next.
            let pause: ClosedRange<Int>

            /// Everybody dies, again and again.
            static let deaths = Course(
                sweep: SmallSweep(prompts: (0..<6).map { "p\($0)" }, guidances: 40, steps: 3), faults: Fault.allCases,
                mortal: 0...1, pause: 100...1200)

            /// The coordinator and the first worker live as long as the sweep lasts.
            static func lives(prompts: Int) -> Course {
                Course(
                    sweep: SmallSweep(prompts: (0..<prompts).map { "p\($0)" }, guidances: 250, steps: 12),
                    faults: Fault.allCases.filter { $0 != .killCoordinator }, mortal: 1...1, pause: 500...3000)
            }
        }

        /// What was seen so far.
        private struct Tally {
            var generator: SplitMix
            let deadline: ContinuousClock.Instant
            var faults = 0
            var lives: [ProcessLife] = []
            /// Size of the next sweep of long lives.
            var prompts = 6

            /// Makes the next sweep of long lives larger, where those of the last were too short to tell much.
            mutating func extend(after lives: ArraySlice<ProcessLife>, atLeast length: Duration) {
                guard lives.allSatisfy({ $0.length < length }), prompts < 200 else { return }
                prompts *= 2
            }

            var isOver: Bool { ContinuousClock.now >= deadline }
        }

        /// More descriptors at the end of a life than at its beginning: connections of a worker that comes and goes.
        private static let moreDescriptors = 4
        /// More memory: pages that the allocator keeps after a burst.
        private static let moreKilobytes = 32 * 1024

        @Test(
            "sweeps end whole through an hour of random faults, and no process that lives long grows",
            .enabled("this is for scripts/soak") { Soak.isOn }, .timeLimit(.minutes(600)))
        func hour() async throws {
            let hours = ProcessInfo.processInfo.environment["TMDNE_HOURS"].flatMap(Double.init) ?? 1
            let seed = Soak.seed(of: "the hour of faults")
            var tally = Tally(
                generator: SplitMix(state: seed), deadline: ContinuousClock.now + .seconds(3600 * hours))
            var sweeps = 0
            while !tally.isOver {
                let isLong = sweeps.isMultiple(of: 2)
                let course = isLong ? Course.lives(prompts: tally.prompts) : .deaths
                sweeps += 1
                let earlier = tally.lives.count
                try await Sandbox.with { sandbox in try await Self.take(course, in: sandbox, &tally) }
                // Minutes, in an hour; how long a sweep takes is the machine's affair.
                if isLong { tally.extend(after: tally.lives[earlier...], atLeast: .seconds(min(240, 600 * hours))) }
            }
            let words = Self.judge(tally.lives)
            Soak.record(
                "\(Int((hours * 60).rounded())) minutes of random faults", injectedBy: "SIGKILL, SIGTERM, SIGSTOP",
                runs: tally.faults, seed: seed, "\(sweeps) sweeps whole; \(words)")
        }

        /// Renders a sweep through its faults, and checks what came of it.
        private static func take(_ course: Course, in sandbox: Sandbox, _ tally: inout Tally) async throws {
            try sandbox.write("sweep.yaml", course.sweep.text)
            var (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
            let port = try JoinToken(parsing: token).port
            func worker(_ number: Int) throws -> Launched {
                try sandbox.start("worker", token, "--cache", "cache-\(number)", "--verbose")
            }
            var workers = [try worker(0), try worker(1)]
            var lives = ([coordinator] + workers).map(ProcessLife.init)
            while coordinator.isRunning, ContinuousClock.now < tally.deadline + .seconds(600) {
                let pause = Int.random(in: course.pause, using: &tally.generator)
                try await Task.sleep(for: .milliseconds(pause))
                for index in lives.indices { lives[index].look() }
                guard coordinator.isRunning, !tally.isOver else { continue }
                let mortal = Int.random(in: course.mortal, using: &tally.generator)
                tally.faults += 1
                switch course.faults.randomElement(using: &tally.generator) ?? .killWorker {
                case .killCoordinator:
                    coordinator.signal(SIGKILL)
                    guard try await coordinator.end() == -SIGKILL else { continue }
                    coordinator = try await sandbox.coordinator("out", port).process
                    lives.append(ProcessLife(of: coordinator))
                case .killWorker:
                    try await end(workers[mortal], by: SIGKILL)
                    workers[mortal] = try worker(mortal)
                    lives.append(ProcessLife(of: workers[mortal]))
                case .endWorker:
                    try await end(workers[mortal], by: SIGTERM)
                    workers[mortal] = try worker(mortal)
                    lives.append(ProcessLife(of: workers[mortal]))
                case .stopCoordinator:
                    try await hold(coordinator, &tally.generator)
                case .stopWorker:
                    try await hold(workers[Int.random(in: 0...1, using: &tally.generator)], &tally.generator)
                }
            }
            let code = try await coordinator.end(within: .seconds(180))
            for worker in workers { try await dismiss(worker) }
            // Killed often enough in the same cell, a sweep ends with that cell parked: that is the promise too.
            if code == 2 {
                try await sandbox.succeed("retry", "out", "--failed")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache-0")
            } else {
                #expect(code == 0, "\(coordinator.complaints)")
            }
            try await SweepAudit(sandbox, "out").expectWhole(course.sweep)
            tally.lives += lives
        }

        private static func end(_ process: Launched, by signal: Int32) async throws {
            process.signal(signal)
            _ = try await process.end(within: .seconds(180))
        }

        /// Lets a process stand still for a while.
        private static func hold(_ process: Launched, _ generator: inout SplitMix) async throws {
            process.signal(SIGSTOP)
            try await Task.sleep(for: .milliseconds(Int.random(in: 10...4000, using: &generator)))
            process.signal(SIGCONT)
        }

        /// Waits for the end of a worker whose sweep is over; one that comes too late to be told so is told now.
        private static func dismiss(_ worker: Launched) async throws {
            let begin = ContinuousClock.now
            while worker.isRunning, ContinuousClock.now - begin < .seconds(10) {
                try await Task.sleep(for: .milliseconds(50))
            }
            worker.signal(SIGTERM)
            #expect(try await worker.end(within: .seconds(180)) == 0, "\(worker.complaints.suffix(2000))")
        }

        /// Checks that no process held too much, and that none of those that lived long held more and more.
        ///
        /// - Returns: The figures, for the table.
        private static func judge(_ lives: [ProcessLife]) -> String {
            let words = [false, true].map { isWorker in
                let lives = lives.filter { $0.isWorker == isWorker }
                let name = isWorker ? "worker" : "coordinator"
                let (descriptors, kilobytes) = (lives.map(\.descriptors).max() ?? 0, lives.map(\.kilobytes).max() ?? 0)
                #expect(descriptors < 100 && kilobytes < (isWorker ? 1024 : 256) * 1024, "a \(name) holds too much")
                let long = lives.compactMap { life in life.growth.map { (life.length, $0) } }
                #expect(!long.isEmpty, "no \(name) lived long enough to tell whether it grows")
                let growth = long.map { $0.1 }
                let (more, memory) = (growth.map(\.descriptors).max() ?? 0, growth.map(\.kilobytes).max() ?? 0)
                #expect(more <= moreDescriptors && memory <= moreKilobytes, "a \(name) grows")
                let seconds = Int((long.map { $0.0 }.max() ?? .zero) / .seconds(1))
                return """
                    \(lives.count) \(name)s, at most \(kilobytes / 1024) MiB and \(descriptors) descriptors, \
                    \(long.count) of them for up to \(seconds) s, from whose first to last quarter at most \
                    \(memory) KiB and \(more) descriptors more
                    """
            }
            return words.joined(separator: "; ")
        }
    }
}
