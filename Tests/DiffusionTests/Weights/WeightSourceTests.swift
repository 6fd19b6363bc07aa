import Diffusion
import Testing

@Suite("The weights of a part")
struct WeightSourceTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(_ names: [String], to file: String) throws {
        try folder.write(safetensorsBytes(names.map { (name: $0, shape: [1], values: [1]) }), to: file)
    }

    @Test(
        "are found under every name that diffusers and transformers save them under",
        arguments: [
            ["diffusion_pytorch_model.safetensors"], ["model.safetensors"], ["model.fp16.safetensors"],
            ["diffusion_pytorch_model.fp16.safetensors"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ])
    func names(files: [String]) throws {
        for (index, file) in files.enumerated() { try write(["\(index).weight"], to: file) }
        let weights = try WeightSource(part: folder.path)
        for index in files.indices {
            #expect(try weights.scoped("\(index)").floats("weight", shape: [1]) == [1])
        }
        try weights.requireAllRead()
    }

    @Test("in full precision are preferred")
    func precision() throws {
        try write(["half"], to: "model.fp16.safetensors")
        try write(["full"], to: "model.safetensors")
        #expect(try WeightSource(part: folder.path).contains("full"))
    }

    @Test("that are not there, or not all, are missed by name")
    func missing() throws {
        let nowhere = "\(folder.path)/unet"
        #expect(
            throws: DiffusionError.missingFile(
                path: nowhere, remedy: "a model in diffusers' layout has such a folder")
        ) { try WeightSource(part: nowhere) }
        try folder.write("", to: "pytorch_model.bin")
        #expect(
            throws: DiffusionError.missingFile(
                path: "\(folder.path)/diffusion_pytorch_model.safetensors",
                remedy: "convert the pickle in that folder to safetensors, since a pickle can run code")
        ) { try WeightSource(part: folder.path) }
        try write(["a"], to: "model-00001-of-00003.safetensors")
        try write(["b"], to: "model-00003-of-00003.safetensors")
        #expect(
            throws: DiffusionError.missingFile(
                path: "\(folder.path)/model-00002-of-00003.safetensors", remedy: "download the missing file of the part"
            )
        ) { try WeightSource(part: folder.path) }
    }

    @Test("in two files must not be told twice")
    func twice() throws {
        try write(["a"], to: "model-00001-of-00002.safetensors")
        try write(["a"], to: "model-00002-of-00002.safetensors")
        let path = "\(folder.path)/model-00002-of-00002.safetensors"
        #expect(
            throws: DiffusionError.invalidWeights(path: path, problem: "another file of its part holds \"a\", too")
        ) { try WeightSource(part: folder.path) }
    }

    @Test("report what the config left unread, except what may be left")
    func unread() throws {
        try write(["down.0.weight", "down.0.bias", "down.1.weight", "encoder.weight"], to: "model.safetensors")
        let weights = try WeightSource(part: folder.path)
        _ = try weights.scoped("down").scoped("0").floats("weight", shape: [1])
        #expect(weights.unreadNames == ["down.0.bias", "down.1.weight", "encoder.weight"])
        #expect(weights.scoped("down").unreadNames == ["down.0.bias", "down.1.weight"])
        #expect(throws: DiffusionError.unusedTensors(names: ["down.1.weight"], path: folder.path)) {
            try weights.requireAllRead(except: ["encoder.", "down.0."])
        }
        #expect(throws: DiffusionError.unusedTensors(names: ["down.0.bias"], path: folder.path)) {
            try weights.scoped("down").requireAllRead(except: ["1."])
        }
    }

    @Test("name a missing tensor by its whole name")
    func missingTensor() throws {
        try write(["a.weight"], to: "model.safetensors")
        let weights = try WeightSource(part: folder.path).scoped("a")
        #expect(weights.shape(of: "weight") == [1] && weights.shape(of: "bias") == nil)
        #expect(throws: DiffusionError.missingTensor(name: "a.bias", path: folder.path)) {
            try weights.floats("bias", shape: [1])
        }
    }

    @Test("of a text encoder may do without the leading text_model", arguments: ["text_model.", ""])
    func textEncoder(prefix: String) throws {
        try write(["\(prefix)final_layer_norm.weight"], to: "model.safetensors")
        let weights = try WeightSource(part: folder.path).scoped(ifPresent: "text_model")
        #expect(try weights.floats("final_layer_norm.weight", shape: [1]) == [1])
        try weights.requireAllRead()
    }

    @Test("of an old autoencoder are found under their former names")
    func formerNames() throws {
        try write(["attention.query.weight", "attention.proj_attn.bias"], to: "model.safetensors")
        let weights = try WeightSource(part: folder.path).scoped("attention")
        #expect(weights.contains("to_q.weight") && !weights.contains("to_k.weight"))
        #expect(try weights.floats("to_q.weight", shape: [1]) == [1])
        #expect(try weights.floats("to_out.0.bias", shape: [1]) == [1])
        try weights.requireAllRead()
    }

    @Test(
        "of the embedded model open, each part with its tensors",
        arguments: ["text_encoder": 52, "unet": 248, "vae": 184])
    func embeddedModel(part: String, count: Int) throws {
        #expect(try WeightSource(part: "\(Golden.model)/\(part)").unreadNames.count == count)
    }
}
