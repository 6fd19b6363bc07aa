import Crypto
import Foundation
import Testing

@testable import SharedModel

@Suite("Options beyond the common axes")
struct RenderOptionsTests {
    private static let hash = String(repeating: "cd", count: 32)

    private static var everything: RenderOptions {
        var options = RenderOptions()
        options.clipSkip = 2
        options.emphasis = .multiplied
        options.emptyNegative = .encoded
        options.eta = Decimal(string: "0.50")
        options.guidanceInterval = GuidanceInterval(low: 0, high: 5)
        options.guidanceRescale = Decimal(string: "0.7")
        options.loras = [.init(file: hash, weight: -1), .init(file: hash, weight: Decimal(string: "0.25") ?? 0)]
        options.noiseSource = .philox
        options.pixelRounding = .truncate
        options.predictionType = .v
        options.profile = .a1111
        options.promptSyntax = .comfyui
        options.timestepRounding = .fractional
        options.timestepSpacing = .trailing
        options.vae = hash
        options.zeroTerminalSNR = true
        return options
    }

    private func sweep(_ lines: String) throws -> Sweep {
        try Sweep(yaml: Array("model: m\nsize: 64x64\nprompts: p\n\(lines)".utf8), file: "s.yaml")
    }

    private func plan(_ lines: String) throws -> SweepPlan {
        try sweep(lines).plan { name, _ in
            Hexadecimal.encode(SHA256.hash(data: Array(name.utf8)))
        } fingerprints: { _ in
            Self.hash
        }
    }

    @Test("cells of the original sweep keep the keys that they had before there were options")
    func oldKeys() throws {
        let example = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Examples/tmdne.yaml")
        let plan = try Sweep(contentsOf: example.standardizedFileURL.path).plan { _ in
            String(repeating: "ab", count: 32)
        }
        let keys = plan.cells.map(\.key.hex).joined()
        // SHA-256 of the 336 keys as Python's json and hashlib give them.
        #expect(
            Hexadecimal.encode(SHA256.hash(data: Array(keys.utf8)))
                == "682f90208be24c6e28c37c02d880ade817cdd4852186e391ab76a7f1a04453db")
    }

    @Test("the canonical JSON of options is the encoder's, and gives them back")
    func canonical() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for options in [RenderOptions(), Self.everything] {
            var cell = Cell.sample()
            cell.options = options
            #expect(try Array(encoder.encode(options)) == options.canonicalJSON)
            #expect(try Array(encoder.encode(cell)) == cell.canonicalJSON)
            #expect(try JSONDecoder().decode(Cell.self, from: Data(cell.canonicalJSON)) == cell)
        }
        #expect(
            String(decoding: Self.everything.canonicalJSON, as: UTF8.self)
                == #"{"clipSkip":2,"emphasis":"multiplied","emptyNegative":"encoded","eta":0.5,"guidanceInterval":"0-5","#
                + #""guidanceRescale":0.7,"loras":[{"file":"\#(Self.hash)","weight":-1},{"file":"\#(Self.hash)","weight":0.25}],"#
                + #""noiseSource":"philox","pixelRounding":"truncate","predictionType":"v","profile":"a1111","#
                + #""promptSyntax":"comfyui","timestepRounding":"fractional","timestepSpacing":"trailing","#
                + #""vae":"\#(Self.hash)","zeroTerminalSNR":true}"#)
    }

    @Test("every option changes the key")
    func keys() {
        let everything = Self.everything
        var cell = Cell.sample()
        var keys = [cell.key]
        func add(_ clear: (inout RenderOptions) -> Void) {
            cell.options = everything
            clear(&cell.options)
            keys.append(cell.key)
        }
        add { _ in }
        add { $0.clipSkip = nil }
        add { $0.emphasis = nil }
        add { $0.emptyNegative = nil }
        add { $0.eta = nil }
        add { $0.guidanceInterval = nil }
        add { $0.guidanceRescale = nil }
        add { $0.loras?.reverse() }
        add { $0.noiseSource = nil }
        add { $0.pixelRounding = nil }
        add { $0.predictionType = nil }
        add { $0.profile = nil }
        add { $0.promptSyntax = nil }
        add { $0.timestepRounding = nil }
        add { $0.timestepSpacing = nil }
        add { $0.vae = nil }
        add { $0.zeroTerminalSNR = nil }
        #expect(Set(keys).count == 18)
    }

    @Test(
        "a default that is written out gives the image of who leaves it out",
        arguments: [
            "profile: diffusers", "prompt-syntax: plain", "emphasis: multiplied", "noise-source: torch-cpu",
            "guidance-rescale: 0", "loras: [[]]", "vae: none", "guidance-interval: none", "eta: 0.5",
            "pixel-rounding: nearest", "timestep-rounding: rounded", "empty-negative: zeros", "schedule: karras",
        ])
    func defaults(line: String) throws {
        #expect(try plan(line).cells.map(\.key) == plan("").cells.map(\.key))
    }

    @Test("what a profile says anyway is not told apart from it")
    func profileDefaults() throws {
        let plain = try plan("profile: a1111").cells.map(\.key)
        #expect(try plan("profile: a1111\nnoise-source: philox\nprompt-syntax: a1111").cells.map(\.key) == plain)
        #expect(try plan("profile: a1111\nnoise-source: torch-cpu").cells.map(\.key) != plain)
        #expect(try plan("sampler: euler-a\neta: 1").cells.map(\.key) == plan("sampler: euler-a").cells.map(\.key))
        #expect(try plan("sampler: euler-a\neta: 0.5").cells.map(\.key) != plan("sampler: euler-a").cells.map(\.key))
    }

    @Test("lists of options are axes, in the order of their keys in the reader")
    func axes() throws {
        let sweep = try sweep("clip-skip: [1, 2]\nprofile: [comfyui, a1111]\nguidance: [5, 6]")
        #expect(sweep.options.map(\.profile) == [.comfyui, .comfyui, .a1111, .a1111])
        #expect(sweep.options.map(\.clipSkip) == [1, 2, 1, 2])
        #expect(try sweep.positionCount() == 8)
        #expect(try plan("clip-skip: [1, 2, 1]\nguidance: [5, 6]").cells.count == 4)
    }

    @Test("LoRAs are sets with weights, known in cells by their content and in positions by their names")
    func loras() throws {
        let plan = try plan(
            """
            loras:
              - []
              - ink.safetensors:0.8
              - [a:b.safetensors, {name: c.safetensors, weight: -1.5}]
            vae: [none, v.safetensors]
            """)
        #expect(plan.positions.count == 6)
        let ink = Hexadecimal.encode(SHA256.hash(data: Array("ink.safetensors".utf8)))
        let vae = Hexadecimal.encode(SHA256.hash(data: Array("v.safetensors".utf8)))
        #expect(plan.cells[0].cell.options.isDefault && plan.positions[0].files.isEmpty)
        #expect(plan.cells[1].cell.options.loras == [.init(file: ink, weight: Decimal(string: "0.8") ?? 0)])
        #expect(plan.positions[4].files == [ink: "ink.safetensors", vae: "v.safetensors"])
        #expect(
            plan.cells[5].cell.options.named(plan.positions[5].files).summary
                == "vae v.safetensors, loras a:b.safetensors:1 + c.safetensors:-1.5")
    }

    @Test("a schedule is part of the sampler's name, however it was written")
    func schedules() throws {
        #expect(try sweep("sampler: dpmpp-2m\nschedule: karras").samplers == [.dpmpp2mKarras])
        let combined = try sweep("sampler: [euler, heun]\nschedule: [ays, beta]").samplers.map(\.rawValue)
        #expect(combined == ["euler-ays", "euler-beta", "heun-ays", "heun-beta"])
        #expect(SamplerName(rawValue: "ddim-karras") == nil)
        #expect(SamplerName(rawValue: "dpmpp-2m-sde-sgm-uniform")?.method == .dpmpp2mSDE)
        for sampler in SamplerName.allCases { #expect(SamplerName(rawValue: sampler.rawValue) == sampler) }
    }

    @Test(
        "what cannot be is refused in one sentence that names it",
        arguments: [
            (
                "profile: a11111",
                "'profile' cannot be 'a11111' (did you mean 'a1111'?); it takes diffusers, a1111, comfyui"
            ),
            (
                "guidance-interval: 5-2",
                "'5-2' is not a range of noise levels; write LOW-HIGH with 0 <= LOW < HIGH, as in 0.28-5.42, or none"
            ),
            ("clip-skip: 0", "'clip-skip' must be from 1 to 24, and '0' is not; change it"),
            ("eta: 2", "'eta' must be from 0 to 1, and '2' is not; change it"),
            (
                "loras: [[[a]]]",
                "'loras' holds what is no set of LoRAs; write each set as NAME:WEIGHT, as a list of such, or as [] for none"
            ),
            ("loras: [a:101]", "'loras' must be from -100 to 100, and '101' is not; change it"),
            (
                "sampler: euler-karras\nschedule: beta",
                "the sampler 'euler-karras' names its schedule already, and 'schedule' says beta; take one of the two out"
            ),
            (
                "sampler: ddim\nschedule: beta",
                "the sampler 'ddim' lays its noise levels out itself and takes no schedule such as beta; take "
                    + "'schedule' out, or put the sampler into a sweep of its own"
            ),
            ("zero-terminal-snr: yes", "'zero-terminal-snr' cannot be 'yes'; it takes true, false"),
            ("prompts: [[a]]", "the key 'prompts' stands in the file twice; keep one and make its value a list"),
        ])
    func refusals(lines: String, sentence: String) throws {
        let error = #expect(throws: SharedModelError.self) { try sweep(lines) }
        guard case .sweep(_, _, let problem) = try #require(error) else { throw try #require(error) }
        #expect("\(problem)" == sentence)
    }

    @Test("the product of the options' axes is bounded before it is made")
    func bounds() throws {
        let list = "[" + Array(repeating: "1", count: 300).joined(separator: ",") + "]"
        #expect(throws: SharedModelError.self) {
            try sweep("clip-skip: \(list)\neta: \(list)\nguidance-rescale: \(list)\nprofile: [a1111, a1111]")
        }
    }

    @Test("images name their options in A1111's words where it has some")
    func metadata() throws {
        var cell = Cell.sample()
        cell.options = Self.everything
        cell.sampler = try SamplerName(named: "dpmpp-3m-sde-exponential")
        let granted = GrantedCell(
            key: cell.key, cell: cell, position: 0, rawPrompt: "", rawNegativePrompt: "", style: "none",
            files: [Self.hash: "folder/ink.safetensors"])
        let metadata = ImageMetadata(granted, model: "m", sweep: "", device: "cpu", precision: "fp32")
        let read = try A1111Reader(metadata.parameters)
        #expect(read.settings["Sampler"] == "DPM++ 3M SDE")
        #expect(read.settings["Schedule type"] == "Exponential")
        #expect(read.settings["Clip skip"] == "2")
        #expect(read.settings["RNG"] == "NV")
        #expect(read.settings["Eta"] == "0.5")
        #expect(read.settings["VAE"] == "ink.safetensors")
        #expect(read.settings["Lora hashes"]?.hasPrefix("ink.safetensors: cdcdcdcdcdcd, ") == true)
        #expect(try ImageMetadata(json: metadata.json()) == metadata)
    }
}
