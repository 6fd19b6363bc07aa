import Foundation
import Testing

/// Decoders against inputs that nobody would write: a seeded fuzzer without feedback, in every run of the tests for a
/// moment, and in `scripts/fuzz` for as long as one likes.
///
/// A trap ends the process; the input that did it is then in the file that `TMDNE_FUZZ_FILE` names, and becomes a file of
/// the corpus when the bug is mended.
@Suite("Fuzz", .serialized)
struct FuzzTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
    private static let environment = ProcessInfo.processInfo.environment
    private static let seconds = environment["TMDNE_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.5
    private static let seed = environment["TMDNE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
    private static let file = environment["TMDNE_FUZZ_FILE"]

    /// The inputs to begin with, in the order of their names.
    private static func inputs(of target: FuzzTarget) throws -> [[UInt8]] {
        let folder = corpus.appending(path: target.rawValue)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            Array(try Data(contentsOf: folder.appending(path: name)))
        }
    }

    @Test("no input traps a decoder or makes it contradict itself", arguments: FuzzTarget.allCases)
    func fuzz(_ target: FuzzTarget) throws {
        let inputs = try Self.inputs(of: target)
        try #require(!inputs.isEmpty)
        var mutator = Mutator(seed: Self.seed, longest: FuzzTarget.longest)
        for input in inputs { try target.run(input, &mutator) }
        let deadline = ContinuousClock.now + .seconds(Self.seconds)
        var runs = 0
        while ContinuousClock.now < deadline {
            let input = mutator.next(from: inputs)
            if let file = Self.file { try Data(input).write(to: URL(filePath: file)) }
            do {
                try target.run(input, &mutator)
            } catch {
                Issue.record(
                    "\(target.rawValue), seed \(Self.seed): \(error); input \(Data(input).base64EncodedString())")
                return
            }
            runs += 1
        }
        #expect(runs > 0)
        if Self.environment["TMDNE_FUZZ_SECONDS"] != nil {
            print("\(target.rawValue): \(runs) inputs, seed \(Self.seed)")
        }
    }
}
