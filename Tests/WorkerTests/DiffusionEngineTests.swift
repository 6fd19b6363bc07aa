import Diffusion
import Foundation
import SharedModel
import Testing

@testable import Worker

/// The engine with the embedded model, a few steps at a small size.
@Suite("Rendering with Diffusion", .timeLimit(.minutes(5)))
struct DiffusionEngineTests {
    private static let path = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/tmdne-tiny").path

    private static func engine() throws -> DiffusionEngine {
        DiffusionEngine(device: try CPUDevice()) { _, _ in try ModelFolder(path: path) }
    }

    private static func granted(guidance: String, prompt: String = "woman", width: Int = 64) throws -> GrantedCell {
        let cell = Cell(
            fingerprint: "a", guidance: try #require(Decimal(string: guidance)), height: 64, negativePrompt: "bangs",
            prompt: prompt, sampler: .dpmpp2mKarras, seed: 52_794_693, steps: 3, width: width)
        return GrantedCell(
            key: cell.key, cell: cell, position: 0, rawPrompt: prompt, rawNegativePrompt: "", style: "none")
    }

    @Test("every cell comes out once, under its own key, and the last group is known as such when it begins")
    func shard() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", fingerprint: "a")
        // Two rows, the first with cells that batch differently: without guidance and with it.
        let cells = try [
            Self.granted(guidance: "7.5"), Self.granted(guidance: "1"), Self.granted(guidance: "5", prompt: "man"),
            Self.granted(guidance: "12.25"),
        ]
        var reports: [EngineProgress] = []
        var images: [CellKey: [UInt8]] = [:]
        try engine.render(cells) { progress in
            reports.append(progress)
            return true
        } emit: { image in
            #expect(images.updateValue(image.pixels, forKey: image.cell) == nil)
            #expect(image.pixels.count == 64 * 64 * 3)
            #expect(image.denoise > 0)
        }
        #expect(Set(images.keys) == Set(cells.map(\.key)))
        #expect(Set(images.values).count == cells.count)
        let groups = Set(reports.map(\.group))
        #expect(groups == [0, 1, 2])
        #expect(reports.allSatisfy { $0.isLastGroup == ($0.group == 2) })

        // What a cell looks like does not depend on the cells beside it.
        for granted in cells {
            try engine.render([granted], progress: { _ in true }) { #expect(images[granted.key] == $0.pixels) }
        }
    }

    @Test("the first step after a no is not taken")
    func stop() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", fingerprint: "a")
        var steps = 0
        try engine.render([try Self.granted(guidance: "5"), try Self.granted(guidance: "6", prompt: "man")]) { _ in
            steps += 1
            return false
        } emit: { _ in
            Issue.record("An image was finished.")
        }
        #expect(steps == 1)
    }

    @Test("another model of the same name is refused, and the one that is loaded stays")
    func otherModel() throws {
        let wanted = String(repeating: "b", count: 64)
        let engine = DiffusionEngine(device: try CPUDevice()) { name, fingerprint in
            if fingerprint == "a" { return try ModelFolder(path: Self.path) }
            return try ModelFolder(path: try ModelLocator().locate(Self.path, fingerprint: fingerprint))
        }
        try engine.prepare(model: "tmdne-tiny", fingerprint: "a")
        let error = #expect(throws: SharedModelError.self) {
            try engine.prepare(model: "tmdne-tiny", fingerprint: wanted)
        }
        let sentence = "\(try #require(error))"
        #expect(sentence.contains(wanted.prefix(8)) && sentence.contains(Self.path))
        var images = 0
        try engine.render([try Self.granted(guidance: "5")], progress: { _ in true }) { _ in images += 1 }
        #expect(images == 1)
    }

    @Test("a size that the model can't draw is an error, not the end")
    func wrongSize() throws {
        let engine = try Self.engine()
        try engine.prepare(model: "tmdne-tiny", fingerprint: "a")
        let cell = try Self.granted(guidance: "5", width: 3)
        #expect(throws: (any Error).self) {
            try engine.render([cell], progress: { _ in true }, emit: { _ in })
        }
    }
}
