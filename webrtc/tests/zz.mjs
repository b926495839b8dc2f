import "./lib/node-platform.mjs";
import { endings, jsInNode, jsInPage, openWorld, ours } from "./lib/world.mjs";
import { ECHO, drain } from "./lib/protocols.mjs";
const ends=[];const atEnd=e=>ends.push(e);
const world=await openWorld(atEnd);
const r=await jsInNode(atEnd,{listen:["/ip4/127.0.0.1/tcp/0/ws"],relay:true});
const [relay]=await r.addresses("/ws");
const a=await ours(world,"in a worker");
const b=await jsInNode(atEnd,{listen:[`${relay}/p2p-circuit`,"/webrtc"]});
await b.node.unhandle(ECHO);
await b.node.handle(ECHO, async (stream)=>{ let got=0,sent=0,drains=0; 
 const ev=[];for(const n of ['remoteCloseWrite','close','end','drain','idle'])stream.addEventListener(n,(e)=>ev.push([n,got,sent,stream.writeBufferLength,e.error?.message].join(':')));
 try{for await(const p of stream){got+=p.byteLength; if(!stream.send(p)){drains++;await stream.onDrain();} sent+=p.byteLength}
 ev.push('loop end wb='+stream.writeBufferLength+' ba='+stream.channel.bufferedAmount);
 await stream.close();}catch(e){console.log('caught',e.message);stream.abort(e)}
 console.log('served',{got,sent,drains}, ev.slice(-12).join(' | '));
});
console.log(await a.dial(await b.listenAt(relay)));
for(let i=0;i<8;i++){const t=Date.now();try{await a.echo(b.peerId,10e6);console.log('a->b echo ok',Date.now()-t)}catch(e){console.log(e.message.split('\n')[0])}}
process.exit()
