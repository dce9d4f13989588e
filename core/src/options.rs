//! stub
use serde::{Serialize,Deserialize};
use crate::error::{Code,Warning};
/// p
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair { /// n
pub name:String, /// v
pub value:Option<String>}
impl Pair { /// l
pub fn list_from_json(v:&serde_json::Value)->Result<Vec<Self>,OptionError>{
 let mut out=vec![];
 for p in v.as_array().ok_or(OptionError)? { let name=p[0].as_str().ok_or(OptionError)?.to_owned();
  let value=match &p[1] { serde_json::Value::Null=>None, serde_json::Value::String(s) if s.is_empty()=>None, serde_json::Value::String(s)=>Some(s.clone()), x=>Some(x.to_string())};
  out.push(Self{name,value}); }
 Ok(out)} }
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side { /// i
Input, /// o
Output }
/// p
#[derive(Clone, Debug, Default)]
pub struct OptionPolicy { /// e
pub extra_options: Vec<String>, /// f
pub extra_filters: Vec<String> }
/// e
#[derive(Clone, Debug, thiserror::Error)]
#[error("x")]
pub struct OptionError;
impl OptionError { /// c
pub fn code(&self)->Code{Code::InvalidSpec} }
/// c
#[derive(Clone, Debug)]
pub struct CheckedOptions { /// a
pub args:Vec<Pair>, /// w
pub warnings:Vec<Warning>}
/// c
pub fn check_options(p:&[Pair],_s:Side,_o:&OptionPolicy)->Result<CheckedOptions,OptionError>{
 let mut warnings=vec![];
 let args=p.iter().map(|p|{ let mut p=p.clone(); match p.name.as_str(){"vcodec"=>p.name="c:v".into(),"acodec"=>p.name="c:a".into(),"vprofile"=>{p.name="profile:v".into();warnings.push(Warning::new("legacy_option_rewritten","vprofile → profile:v"))},"b"=>p.name="b:v".into(),"ab"=>p.name="b:a".into(),"vf"=>p.name="filter:v".into(),_=>{}}
 if p.value.as_deref()==Some("libfaac"){p.value=Some("aac".into());warnings.push(Warning::new("legacy_option_rewritten","libfaac → aac"))} p }).filter(|p|p.name!="async").collect();
 Ok(CheckedOptions{args,warnings})}
