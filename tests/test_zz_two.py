import json, pytest, sys, subprocess, os
from pathlib import Path
def test_two(world, encoders, tmp_path):
    s={"start":str(encoders("N")),"shards":str(world/"tokens"),"objective":{"kind":"masked_lm","max_length":32},
       "encoder":{"hidden_dropout_prob":0.0,"attention_probs_dropout_prob":0.0},"pseudo_perplexity_tokens":60,"general_shards":str(world/"tokens")}
    t={"steps":6,"batch_tokens":512,"precision":"float32"}
    files=[]
    for name,par in (("ddp","ddp"),("fsdp","fsdp")):
        f=tmp_path/f"{name}.json"; f.write_text(json.dumps({"stop_after":0,"mistake":"","settings":{**s,"training":{**t,"parallel":par},"output":str(tmp_path/name)}})); files.append(str(f))
    one=tmp_path/"one.json"; one.write_text(json.dumps({"stop_after":0,"mistake":"","settings":{**s,"training":t,"output":str(tmp_path/"one")}}))
    here="/work/main/tests/training/one_of_many.py"
    for cmd in ([sys.executable,"-m","torch.distributed.run","--standalone","--nproc_per_node=2",here,*files],[sys.executable,here,str(one)]):
        d=subprocess.run(cmd,capture_output=True,text=True); assert d.returncode==0, d.stderr[-3000:]
    from safetensors.torch import load_file
    import torch
    from mamebert.runs import Run
    w=load_file(tmp_path/"one/model/model.safetensors")
    for n in ("ddp","fsdp"):
        x=load_file(tmp_path/n/"model/model.safetensors")
        for k in w: torch.testing.assert_close(x[k],w[k],rtol=1e-4,atol=1e-5)
        print(n, Run.open(tmp_path/n).results["pseudo_perplexity"], len(Run.open(tmp_path/n).metrics()))
    print(Run.open(tmp_path/"one").results["pseudo_perplexity"])
