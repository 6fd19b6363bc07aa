import Foundation
import Testing

/// Decoders against inputs that nobody would write: those of the corpus, a sound one of each kind, and for a moment what a
/// seeded fuzzer without feedback makes of them. `scripts/fuzz` goes on for as long as one likes.
///
/// `TMDNE_FUZZ_INPUTS=1000000 scripts/test --filter FuzzTests` tries so many on each decoder. A trap ends the process; the
/// input that did it is then in the file that `TMDNE_FUZZ_FILE` names, and becomes a file of the corpus.
@Suite("Fuzz", .serialized)
struct FuzzTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
    private static let environment = ProcessInfo.processInfo.environment
    private static let runs = environment["TMDNE_FUZZ_INPUTS"].flatMap(Int.init) ?? 3000
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
        for input in inputs { try target.run(input) }
        var mutator = Mutator(seed: Self.seed, longest: FuzzTarget.longest)
        for _ in 0..<Self.runs {
            let input = mutator.next(from: inputs)
            if let file = Self.file { try Data(input).write(to: URL(filePath: file)) }
            do {
                try target.run(input)
            } catch {
                Issue.record(
                    "\(target.rawValue), seed \(Self.seed): \(error); input \(Data(input).base64EncodedString())")
                return
            }
        }
    }
}
