import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// A disk that fails: system calls of the coordinator that end with an error, made with `strace -e inject`.
    @Suite struct DiskFaultTests {
        /// A system call that fails from its n-th time on a thread, once or for good.
        struct Fault: CustomTestStringConvertible, Sendable {
            var call: String
            var error = "EIO"
            var number: Int
            var isForGood = false

            var testDescription: String { "\(call) fails with \(error) at \(number)\(isForGood ? " and after" : "")" }

            var wrapper: [String] {
                let when = "\(number)\(isForGood ? "+" : "")"
                return [
                    "strace", "-f", "--seccomp-bpf", "-qq", "-o", Self.trace, "-s", "0", "-e", "trace=\(call)",
                    "-e", "inject=\(call):error=\(error):when=\(when)",
                ]
            }

            /// Whether the call failed, as it does where no more than four threads share the files: counts are each thread's.
            func wasInjected(in sandbox: Sandbox) throws -> Bool {
                defer { try? FileManager.default.removeItem(atPath: sandbox.file(Self.trace)) }
                return try isInjected(in: sandbox) || ProcessInfo.processInfo.activeProcessorCount > 4
            }

            /// Whether a call has failed by now.
            func isInjected(in sandbox: Sandbox) throws -> Bool {
                try String(contentsOfFile: sandbox.file(Self.trace), encoding: .utf8).contains("(INJECTED)")
            }

            private static let trace = "trace"
        }

        /// SQLite syncs with fdatasync and writes with pwrite64; images are synced with fsync and put in place with rename,
        /// on each of four threads; a start renames five files on one.
        static let quick = [
            Fault(call: "fsync", number: 9), Fault(call: "fdatasync", number: 12), Fault(call: "pwrite64", number: 40),
            Fault(call: "rename", number: 6), Fault(call: "pwrite64", error: "ENOSPC", number: 60),
            Fault(call: "fdatasync", number: 20, isForGood: true),
        ]
        static let long = [
            "fsync": 13, "fdatasync": 55, "pwrite64": 55, "rename": 8, "write": 55, "ftruncate": 2,
        ].sorted { $0.key < $1.key }.flatMap { call, most in
            [1, 2, 3, 5, 8, 13, 21, 34, 55].filter { $0 <= most }.flatMap { number in
                ["EIO", "ENOSPC"].flatMap { error in
                    [false, true].map { Fault(call: call, error: error, number: number, isForGood: $0) }
                }
            }
        }

        @Test(
            "a failing disk costs no acknowledged image, and the sweep ends when the disk is well again",
            .enabled("making system calls fail needs strace") { Self.canTrace },
            .timeLimit(.minutes(3)), arguments: Soak.cases(quick, soak: long))
        func failingCall(fault: Fault) async throws {
            let sweep = SmallSweep(prompts: ["a", "b"], guidances: 16)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let first = try sandbox.start(
                    ["coordinator", "sweep.yaml", "--output", "out", "--listen", "127.0.0.1:0"], behind: fault.wrapper)
                let begin = ContinuousClock.now
                let token = try await eventually("it is served or has ended: \(first.complaints)") {
                    guard first.isRunning else { return "" }
                    // The write that fails may be the one that prints the token.
                    let isMute = fault.call == "write" && ContinuousClock.now - begin > .seconds(20)
                    return first.joinToken ?? (isMute ? "" : nil)
                }
                var acknowledged: Set<CellKey> = []
                if !token.isEmpty {
                    let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                    var patience = ContinuousClock.now + .seconds(40)
                    try await eventually("the sweep ends, or the disk is given up on") {
                        if fault.isForGood, (try? fault.isInjected(in: sandbox)) == true {
                            patience = min(patience, ContinuousClock.now + .seconds(6))
                        }
                        return !first.isRunning || !worker.isRunning || ContinuousClock.now > patience ? () : nil
                    }
                    first.killTraced()
                    acknowledged = worker.acknowledged
                    worker.signal(SIGKILL)
                    _ = try await worker.end()
                }
                first.killTraced()
                let code = try await first.end()
                // Where writes fail, the words about it may, too.
                if code == 1, fault.call != "write" {
                    let sentence = try #require(first.complaints.split(separator: "\n").last)
                    #expect(sentence.hasPrefix("Error: ") && sentence.hasSuffix("."), "\(sentence)")
                }
                if sandbox.exists("out/sweep.db"), let audit = try? SweepAudit(sandbox, "out") {
                    try audit.expectKept(acknowledged)
                }
                #expect(try fault.wasInjected(in: sandbox), "no thread makes so many of these calls")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                try await SweepAudit(sandbox, "out").expectWhole(sweep)
                Soak.record("\(fault.testDescription)", injectedBy: "`strace -e inject`", runs: 1, "whole")
            }
        }

        /// The spool's calls; a worker makes few others.
        static let spool = ["fsync", "rename"].flatMap { call in
            ["EIO", "ENOSPC"].flatMap { error in
                [false, true].map { Fault(call: call, error: error, number: 5, isForGood: $0) }
            }
        }

        @Test(
            "a spool that fails costs its worker an image at most, which is rendered again",
            .enabled("making system calls fail needs strace") { Self.canTrace },
            .timeLimit(.minutes(2)), arguments: Soak.cases([spool[0], spool[6]], soak: spool))
        func failingSpool(fault: Fault) async throws {
            let sweep = SmallSweep(prompts: ["a", "b"], guidances: 16)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let first = try sandbox.start(
                    ["worker", token, "--cache", "cache-1", "--verbose"], behind: fault.wrapper)
                let patience = ContinuousClock.now + .seconds(fault.isForGood ? 6 : 40)
                try await eventually("the sweep ends, or the spool is given up on") {
                    !first.isRunning || !coordinator.isRunning || ContinuousClock.now > patience ? () : nil
                }
                first.killTraced()
                _ = try await first.end()
                #expect(try fault.wasInjected(in: sandbox), "the worker makes no such call")
                if coordinator.isRunning {
                    let second = try sandbox.start("worker", token, "--cache", "cache-2")
                    #expect(try await second.end(within: .seconds(60)) == 0, "\(second.complaints)")
                }
                #expect(try await coordinator.end(within: .seconds(60)) == 0, "\(coordinator.complaints)")
                let audit = try SweepAudit(sandbox, "out")
                try audit.expectKept(first.acknowledged)
                try await audit.expectWhole(sweep)
                Soak.record("spool: \(fault.testDescription)", injectedBy: "`strace -e inject`", runs: 1, "whole")
            }
        }

        static var canTrace: Bool {
            let probe = Process()
            probe.executableURL = URL(filePath: "/usr/bin/env")
            probe.arguments = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "true"]
            probe.standardError = FileHandle.nullDevice
            guard (try? probe.run()) != nil else { return false }
            probe.waitUntilExit()
            return probe.terminationStatus == 0
        }
    }
}

extension Launched {
    /// The join token, once it is printed.
    var joinToken: String? {
        guard text.hasSuffix("\n") else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("tmdne worker ") }
            .map { String($0.dropFirst("tmdne worker ".count)) }
    }

    /// Kills the program behind a tracer, which then ends by itself: a tracer that is killed lets its program live.
    func killTraced() {
        let path = "/proc/\(identifier)/task/\(identifier)/children"
        // Gone when both have ended.
        guard let children = try? String(contentsOfFile: path, encoding: .utf8) else { return }
        for child in children.split(separator: " ") { _ = Int32(child).map { kill($0, SIGKILL) } }
    }
}
