import Foundation
import Testing

@testable import SharedModel

@Suite("Models")
struct ModelTests {
    private static let names = [
        "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
        "text_encoder/model.safetensors", "tokenizer/merges.txt", "tokenizer/special_tokens_map.json",
        "tokenizer/tokenizer_config.json", "tokenizer/vocab.json", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
    ]

    /// Writes a model whose files hold their own names, and gives its path.
    @discardableResult
    private func makeModel(_ name: String, in folder: TemporaryFolder, salt: String = "") throws -> String {
        for file in Self.names { try folder.write("\(name)/\(file)", file + salt) }
        return "\(folder.path)/\(name)"
    }

    private func locator(_ folder: TemporaryFolder, variable: String? = nil) -> ModelLocator {
        ModelLocator(
            sweepFolder: "\(folder.path)/sweeps",
            environment: ["HOME": "\(folder.path)/home"].merging(variable.map { ["TMDNE_MODELS": $0] } ?? [:]) { $1 },
            executable: "\(folder.path)/package/.build/x86_64-unknown-linux-gnu/release/tmdne",
            currentFolder: "\(folder.path)/work")
    }

    @Test("the fingerprint is the SHA-256 of what sha256sum prints")
    func golden() throws {
        // for f in NAMES; do mkdir -p "$(dirname $f)"; printf %s "$f" > $f; done
        // sha256sum NAMES | sha256sum, with NAMES as above
        try TemporaryFolder.with { folder in
            let path = try makeModel("m", in: folder)
            #expect(
                try ModelFingerprint.compute(of: path)
                    == "b5b642cfbb4882cf188b15808c0b8d41450d3f06a9e019d84e0094c4805e423d")
        }
    }

    @Test("files that decide no pixels leave the fingerprint as it is; the others change it")
    func files() throws {
        try TemporaryFolder.with { folder in
            let path = try makeModel("m", in: folder)
            let before = try ModelFingerprint.compute(of: path)
            for extra in [
                "README.md", "MODEL_CARD.md", "unet/diffusion_pytorch_model.fp16.safetensors", "unet/model.bin",
                "vae/model.safetensors", "unet/diffusion_pytorch_model.non_ema.safetensors",
                "safety_checker/config.json",
                "tokenizer/tokenizer.json", ".cache/x",
            ] {
                try folder.write("m/\(extra)", "extra")
            }
            #expect(try ModelFingerprint.compute(of: path) == before)
            for name in Self.names {
                try folder.write("m/\(name)", "changed")
                #expect(try ModelFingerprint.compute(of: path) != before, "\(name)")
                try folder.write("m/\(name)", name)
            }
            #expect(try ModelFingerprint.compute(of: path) == before)
        }
    }

    @Test("a second text encoder, split weights, half precision and a combined tokenizer are found")
    func layouts() throws {
        try TemporaryFolder.with { folder in
            let path = try makeModel("m", in: folder)
            for (old, new) in [
                ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model-00001-of-00002.safetensors"),
                ("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"),
                ("tokenizer/merges.txt", "tokenizer/tokenizer.json"),
            ] {
                try FileManager.default.moveItem(atPath: "\(path)/\(old)", toPath: "\(path)/\(new)")
            }
            for name in [
                "unet/diffusion_pytorch_model-00002-of-00002.safetensors", "text_encoder_2/config.json",
                "text_encoder_2/model.safetensors", "tokenizer_2/vocab.json", "tokenizer_2/merges.txt",
            ] {
                try folder.write("m/\(name)", name)
            }
            let names = try ModelFiles(path: path).files.map(\.name)
            #expect(
                names == [
                    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
                    "text_encoder/model.safetensors", "text_encoder_2/config.json", "text_encoder_2/model.safetensors",
                    "tokenizer/special_tokens_map.json", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json",
                    "tokenizer_2/merges.txt", "tokenizer_2/vocab.json", "unet/config.json",
                    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                    "unet/diffusion_pytorch_model-00002-of-00002.safetensors", "vae/config.json",
                    "vae/diffusion_pytorch_model.fp16.safetensors",
                ])
        }
    }

    @Test("a missing file is named", arguments: names.filter { !$0.contains("special") && !$0.contains("tokenizer_") })
    func missing(name: String) throws {
        try TemporaryFolder.with { folder in
            let path = try makeModel("m", in: folder)
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
            let error = #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: path) }
            let part = name.hasSuffix(".safetensors") ? String(name.prefix { $0 != "/" }) : name
            let named = name == "tokenizer/merges.txt" ? "tokenizer/tokenizer.json" : part
            #expect(try #require(error).description.contains(named))
        }
    }

    @Test(
        "symbolic links are followed; loops, pipes and folders in a file's place are refused", .timeLimit(.minutes(1)))
    func links() throws {
        try TemporaryFolder.with { folder in
            let path = try makeModel("m", in: folder)
            let before = try ModelFingerprint.compute(of: path)
            let weights = "\(path)/unet/diffusion_pytorch_model.safetensors"
            let manager = FileManager.default
            try manager.moveItem(atPath: weights, toPath: "\(folder.path)/blob")
            try manager.createSymbolicLink(atPath: weights, withDestinationPath: "../../blob")
            try manager.createSymbolicLink(atPath: "\(path)/unet/loop", withDestinationPath: "..")
            try manager.createSymbolicLink(atPath: "\(folder.path)/link", withDestinationPath: "m")
            #expect(try ModelFingerprint.compute(of: "\(folder.path)/link") == before)

            try manager.removeItem(atPath: weights)
            try manager.createSymbolicLink(atPath: weights, withDestinationPath: "diffusion_pytorch_model.safetensors")
            #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: path) }
            try manager.removeItem(atPath: weights)
            #expect(mkfifo(weights, 0o600) == 0)
            #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: path) }
            try manager.removeItem(atPath: weights)
            try manager.createDirectory(atPath: weights, withIntermediateDirectories: false)
            #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: path) }
        }
    }

    @Test("a single safetensors file has its SHA-256 for a fingerprint, and is found without its ending")
    func singleFile() throws {
        try TemporaryFolder.with { folder in
            // printf weights | sha256sum
            let named = try folder.write("work/Models/named.safetensors", "weights")
            let hash = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
            #expect(try ModelFingerprint.compute(of: named) == hash)
            #expect(try locator(folder).locate("named") == named)
            #expect(try locator(folder).locate("named", fingerprint: hash) == named)
            let first = try folder.write("a.safetensors", String(repeating: "weights", count: 1_000_000))
            let second = try folder.write("b.safetensors", String(repeating: "weights", count: 1_000_000))
            #expect(try ModelFingerprint.compute(of: first) == ModelFingerprint.compute(of: second))
            #expect(try locator(folder).locate(first) == first)
            let text = try folder.write("a.txt", "text")
            #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: text) }
            #expect(throws: SharedModelError.self) { try ModelFingerprint.compute(of: "/nowhere") }
        }
    }

    @Test("plain names are looked for in their order of precedence")
    func precedence() throws {
        try TemporaryFolder.with { folder in
            let places = [
                "sweeps", "variable", "package/.build/x86_64-unknown-linux-gnu/share/tmdne/models",
                "package/.build/x86_64-unknown-linux-gnu/release/Models", "package/Models", "work/Models", "work",
            ]
            let locator = locator(folder, variable: "\(folder.path)/variable")
            for place in places.reversed() {
                try folder.write("\(place)/m/model_index.json", "{}")
                #expect(try locator.locate("m") == "\(folder.path)/\(place)/m")
            }
            #expect(throws: SharedModelError.modelNotFound(name: "n", places: places.map { "\(folder.path)/\($0)" })) {
                try locator.locate("n")
            }
        }
    }

    @Test("an installed program finds its models in share")
    func installed() throws {
        try TemporaryFolder.with { folder in
            try folder.write("usr/share/tmdne/models/m/model_index.json", "{}")
            let locator = ModelLocator(
                environment: [:], executable: "\(folder.path)/usr/bin/tmdne", currentFolder: "/nowhere")
            #expect(try locator.locate("m") == "\(folder.path)/usr/share/tmdne/models/m")
        }
    }

    @Test("the built-in model is found from the tests' own executable, and is what it was")
    func builtIn() throws {
        let path = try ModelLocator(currentFolder: "/").locate("tmdne-tiny")
        #expect(try ModelFingerprint.compute(of: path).count == 64)
        #expect(try ModelFiles(path: path).files.count == 12)
    }

    @Test("paths start from the sweep's folder, then from the current one; ~ is the home folder")
    func paths() throws {
        try TemporaryFolder.with { folder in
            let locator = locator(folder)
            try folder.write("work/models/m/model_index.json", "{}")
            #expect(try locator.locate("models/m") == "\(folder.path)/work/models/m")
            #expect(try locator.locate("./models/m") == "\(folder.path)/work/models/m")
            try folder.write("sweeps/models/m/model_index.json", "{}")
            #expect(try locator.locate("models/m") == "\(folder.path)/sweeps/models/m")
            #expect(try locator.locate("../work/models/m") == "\(folder.path)/work/models/m")
            #expect(try locator.locate("\(folder.path)/work/models/m") == "\(folder.path)/work/models/m")
            try folder.write("home/m/model_index.json", "{}")
            #expect(try locator.locate("~/m") == "\(folder.path)/home/m")
        }
    }

    @Test("a pickle is refused as what it is", arguments: ["model.ckpt", "MODEL.CKPT", "model.pt", "model.bin"])
    func pickles(name: String) throws {
        try TemporaryFolder.with { folder in
            try folder.write("work/\(name)", "PK")
            let error = #expect(throws: SharedModelError.self) { try locator(folder).locate("./\(name)") }
            #expect(try #require(error).description.contains("is a pickle, which can run code"))
        }
    }

    @Test("a GGUF file and a part of a model are refused as what they are")
    func otherForms() throws {
        try TemporaryFolder.with { folder in
            try folder.write("work/model.gguf", "GGUF")
            try folder.write("work/m/unet/config.json", "{}")
            for (name, problem) in [
                ("./model.gguf", "is a GGUF file; convert it"), ("./m/unet", "is one part of a model; write the path"),
            ] {
                let error = #expect(throws: SharedModelError.self) { try locator(folder).locate(name) }
                #expect(try #require(error).description.contains(problem))
            }
        }
    }

    @Test("what is not a model is said to be none")
    func refusals() throws {
        try TemporaryFolder.with { folder in
            let locator = locator(folder)
            try folder.write("work/empty/readme", "")
            #expect(throws: SharedModelError.self) { try locator.locate("./empty") }
            #expect(throws: SharedModelError.self) { try locator.locate("") }
            for name in ["none", "../none", "/none", "~/none", ".", "a\nb"] {
                let error = #expect(throws: SharedModelError.self) { try locator.locate(name) }
                let text = try #require(error).description
                #expect(!text.contains("\n"))
                let places = text.components(separatedBy: "; ")[0].components(separatedBy: ", ")
                #expect(Set(places).count == places.count)
            }
        }
    }

    @Test("a worker takes the model with the right content, wherever another host had it")
    func fingerprint() throws {
        try TemporaryFolder.with { folder in
            let locator = locator(folder, variable: "\(folder.path)/variable")
            try makeModel("sweeps/m", in: folder, salt: "other")
            let right = try makeModel("variable/m", in: folder)
            let fingerprint = try ModelFingerprint.compute(of: right)
            #expect(try locator.locate("m", fingerprint: fingerprint) == right)
            #expect(try locator.locate("/data/models/m", fingerprint: fingerprint) == right)
            #expect(
                throws: SharedModelError.modelDiffers(
                    name: "m", fingerprint: "00", places: ["\(folder.path)/sweeps/m", right])
            ) { try locator.locate("m", fingerprint: "00") }
            let error = #expect(throws: SharedModelError.self) { try locator.locate("n", fingerprint: fingerprint) }
            #expect(try #require(error).description.hasPrefix("there is no 'n' in "))
        }
    }
}
