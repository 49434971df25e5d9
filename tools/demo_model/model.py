"""The demo model in torch, for training only: a Llama decoder over packed sequences, written out as a Hugging Face checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from tools.demo_model.tokenizer import BEGIN, CONTEXT, END, PAD, VOCABULARY

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INNER = 256, 8, 8, 4, 32, 768
THETA, EPS = 10000.0, 1e-5

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": BEGIN,
    "dtype": "bfloat16",
    "eos_token_id": END,
    "head_dim": HEAD_DIM,
    "hidden_act": "silu",
    "hidden_size": HIDDEN,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "max_position_embeddings": CONTEXT,
    "mlp_bias": False,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": KV_HEADS,
    "pad_token_id": PAD,
    "rms_norm_eps": EPS,
    "rope_scaling": None,
    "rope_theta": THETA,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": VOCABULARY,
}
GENERATION = {
    "bos_token_id": BEGIN,
    "do_sample": False,
    "eos_token_id": END,
    "max_new_tokens": 512,
    "pad_token_id": PAD,
}


class Packed:
    """Where sequences lie in a packed row of tokens, for one of the attention kernels.

    ``positions`` [T] restart at 0 for each sequence; ``starts`` [S+1] are their int32 offsets, padded with T.
    """

    def __init__(self, positions: Tensor, starts: Tensor, kind: str, block_mask: object = None) -> None:
        self.positions, self.starts, self.kind, self.block_mask = positions, starts, kind, block_mask


def attend(q: Tensor, k: Tensor, v: Tensor, packed: Packed) -> Tensor:
    """Causal attention within each sequence. q [T, heads, d], k and v [T, kv heads, d] -> [T, heads, d]."""
    if packed.kind == "varlen":
        repeat = HEADS // KV_HEADS
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        return _varlen(q, k, v, packed.starts)
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))
    if packed.kind == "flex":
        from torch.nn.attention.flex_attention import flex_attention

        out = flex_attention(q, k, v, block_mask=packed.block_mask, enable_gqa=True)
    else:
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=packed.block_mask, enable_gqa=True)
    return out[0].transpose(0, 1)


def _varlen(q: Tensor, k: Tensor, v: Tensor, starts: Tensor) -> Tensor:
    import inspect

    from torch.nn.attention.varlen import varlen_attn

    causal = (
        {"window_size": (-1, 0)} if "window_size" in inspect.signature(varlen_attn).parameters else {"is_causal": True}
    )
    return varlen_attn(q, k, v, starts, starts, CONTEXT, CONTEXT, **causal)


def block_mask(documents: Tensor, kind: str) -> object:
    """The mask for ``flex`` (block-sparse) or ``dense`` attention; documents [T] numbers each token's sequence."""
    total = documents.shape[0]
    if kind == "flex":
        from torch.nn.attention.flex_attention import create_block_mask

        def same(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return (documents[i] == documents[j]) & (i >= j)

        return create_block_mask(same, None, None, total, total, device=documents.device)
    if kind == "dense":
        return (documents[:, None] == documents[None, :]).tril()
    return None


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding on halves (the Hugging Face Llama layout). x [T, heads, d], cos and sin [T, d]."""
    left, right = x.chunk(2, -1)
    return (x * cos[:, None] + torch.cat((-right, left), -1) * sin[:, None]).to(x.dtype)


class Layer(nn.Module):
    """One decoder layer; parameter names are those of the Hugging Face checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(HIDDEN, EPS)
        self.post_attention_layernorm = nn.RMSNorm(HIDDEN, EPS)
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": nn.Linear(HIDDEN, HEADS * HEAD_DIM, bias=False),
                "k_proj": nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False),
                "v_proj": nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False),
                "o_proj": nn.Linear(HEADS * HEAD_DIM, HIDDEN, bias=False),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(HIDDEN, INNER, bias=False),
                "up_proj": nn.Linear(HIDDEN, INNER, bias=False),
                "down_proj": nn.Linear(INNER, HIDDEN, bias=False),
            }
        )

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, packed: Packed) -> Tensor:
        h = self.input_layernorm(x)
        attention = self.self_attn
        q = attention["q_proj"](h).view(-1, HEADS, HEAD_DIM)
        k = attention["k_proj"](h).view(-1, KV_HEADS, HEAD_DIM)
        v = attention["v_proj"](h).view(-1, KV_HEADS, HEAD_DIM)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        x = x + attention["o_proj"](attend(q, k, v, packed).reshape(-1, HEADS * HEAD_DIM))
        h = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](h)) * self.mlp["up_proj"](h))


class Decoder(nn.Module):
    """The whole model; the output head is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN, EPS)
        inverse = 1.0 / THETA ** (torch.arange(0, HEAD_DIM, 2, dtype=torch.float64) / HEAD_DIM)
        angle = torch.outer(torch.arange(CONTEXT, dtype=torch.float64), inverse)
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                scale = 0.02 if "embed" in name else (1.0 / parameter.shape[1]) ** 0.5
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    scale /= (2 * LAYERS) ** 0.5
                nn.init.normal_(parameter, std=scale)

    def forward(self, ids: Tensor, targets: Tensor, weights: Tensor, packed: Packed) -> Tensor:
        """Weighted mean cross-entropy. ids, targets [T] int64; weights [T] float (0 where nothing is learned)."""
        x = self.embed_tokens(ids)
        cos, sin = self.cos[packed.positions], self.sin[packed.positions]
        for layer in self.layers:
            x = layer(x, cos, sin, packed)
        logits = F.linear(self.norm(x), self.embed_tokens.weight)
        loss = F.cross_entropy(logits.float(), targets, reduction="none")
        return (loss * weights).sum() / weights.sum()


def save(model: Decoder, folder: Path) -> None:
    """Write model.safetensors (bf16, Hugging Face names), config.json and generation_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"model.{n.removeprefix('_orig_mod.')}": p.detach().to("cpu", torch.bfloat16).contiguous()
        for n, p in model.named_parameters()
    }
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    for name, value in (("config.json", CONFIG), ("generation_config.json", GENERATION)):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
