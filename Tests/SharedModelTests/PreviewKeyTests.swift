import Testing

@testable import SharedModel

@Suite("A sweep that shows its images before they are finished")
struct PreviewKeyTests {
    private static let text = """
        name: small
        model: m
        size: 64x64
        prompts: [one, two]
        vae: [none, v.safetensors]

        """

    private func plan(_ text: String, content: String = "d") throws -> SweepPlan {
        try Sweep(yaml: Array(text.utf8), file: "sweep.yaml").plan { name, kind in
            String(repeating: kind == .preview ? content : "b", count: 64)
        } fingerprints: { _ in
            String(repeating: "a", count: 64)
        }
    }

    @Test("plans the same cells under the same keys as without")
    func cells() throws {
        let (without, with) = (try plan(Self.text), try plan(Self.text + "preview: taesd.safetensors\n"))
        #expect(with.cells == without.cells && with.positions == without.positions && with.shards == without.shards)
        #expect(without.preview == nil)
        #expect(
            with.preview == PreviewFile(name: "taesd.safetensors", fingerprint: String(repeating: "d", count: 64)))
        #expect(with != (try plan(Self.text + "preview: taesd.safetensors\n", content: "e")))
    }

    @Test(
        "names one file",
        arguments: [
            ("[a, b]", SweepProblem.notOneValue(key: "preview")), ("", .blankText(key: "preview")),
            ("{from: 1}", .notAValue(key: "preview")),
        ])
    func refusals(value: String, problem: SweepProblem) {
        #expect(throws: SharedModelError.sweep(file: "sweep.yaml", line: 6, problem: problem)) {
            try plan(Self.text + "preview: \(value)\n")
        }
    }
}
