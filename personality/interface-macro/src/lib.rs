//! The attribute that makes stubs, dispatchers and tables of an interface definition.
//!
//! A definition is a trait that mirrors a `.defs` file: each method is a routine, its parameters
//! are the routine's without the request port, in their order.
//!
//! ```ignore
//! #[interface(base = 21000, name = "io")]
//! pub trait Io {
//!     /// Reads at `offset`.
//!     #[routine(1)]
//!     fn io_read(offset: i64, amount: usize, data: Out<Data>);
//!     #[simpleroutine(14)]
//!     fn io_reauthenticate(rendezvous2: SendRight);
//! }
//! ```
//!
//! | parameter type | client gives | server gets | server answers | client gets |
//! |---|---|---|---|---|
//! | a `Wire` type `T` | `T` | `T` | `T` | `T` |
//! | `Str` | `impl AsRef<[u8]>` | `&[u8]` | `Vec<u8>` | `Vec<u8>` |
//! | `Data` | `&[u8]` | `Data<'_>` | `&mut DataOut<'_>` | `&mut [u8]`, answers the count |
//! | `Bytes` | `&[u8]` | `Vec<u8>` | `Vec<u8>` | `Vec<u8>` |
//! | `[T]` | `&[T]` | `Vec<T>` | `Vec<T>` | `Vec<T>` |
//! | `SendRight`, `SendOnce`, `ReceiveRight`, `AnyRight` | `impl Into<Right>` | `Option<_>` | `Right<'static>` | `Option<_>` |
//! | `[SendRight]` | `Vec<Right>` | `Vec<Option<_>>` | `Vec<Right<'static>>` | `Vec<Option<_>>` |
//!
//! `Out<T>` and `InOut<T>` mark results. The attribute generates the trait that servers implement
//! (each method has a default that answers `EOPNOTSUPP`) and, in the definition's own module, the
//! client functions, `dispatch`, `TABLE`, and a constant `NUMBER_<ROUTINE>` for each routine.
//!
//! Options of a routine: `#[routine(12, split)]` also generates `send_<routine>` (the request as a
//! one-way message with a reply right), `reply_<routine>` (the answer, later) and
//! `answer_of_<routine>` (reads the answer that came as a message).

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ItemTrait, LitInt, LitStr, Pat, PathArguments,
    Result, Token, TraitItem, Type,
};

/// Makes stubs, dispatcher and table of the trait; see the crate's page.
#[proc_macro_attribute]
pub fn interface(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = syn::parse_macro_input!(attribute as Options);
    let item = syn::parse_macro_input!(item as ItemTrait);
    match Interface::new(options, item) {
        Ok(interface) => interface.generate().into(),
        Err(error) => error.to_compile_error().into(),
    }
}

struct Options {
    base: u32,
    name: String,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut base, mut name) = (None, None);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "base" => {
                    input.parse::<Token![=]>()?;
                    base = Some(input.parse::<LitInt>()?.base10_parse()?);
                }
                "name" => {
                    input.parse::<Token![=]>()?;
                    name = Some(input.parse::<LitStr>()?.value());
                }
                _ => return Err(Error::new(key.span(), "expected base or name")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what| Error::new(Span::call_site(), format!("`{what}` is missing"));
        Ok(Options {
            base: base.ok_or_else(|| missing("base"))?,
            name: name.ok_or_else(|| missing("name"))?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
    InOut,
}

#[derive(Clone)]
enum Kind {
    Wire(Type),
    Str,
    Data,
    Bytes,
    Array(Type),
    Right(Ident),
    RightArray(Ident),
}

struct Argument {
    name: Ident,
    direction: Direction,
    kind: Kind,
    type_name: String,
}

struct Routine {
    number: u32,
    name: Ident,
    attributes: Vec<Attribute>,
    one_way: bool,
    split: bool,
    arguments: Vec<Argument>,
}

struct Interface {
    options: Options,
    attributes: Vec<Attribute>,
    visibility: syn::Visibility,
    name: Ident,
    routines: Vec<Routine>,
}

struct RoutineOptions {
    index: u32,
    split: bool,
}

impl Parse for RoutineOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let index = input.parse::<LitInt>()?.base10_parse()?;
        let mut split = false;
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            let key: Ident = input.parse()?;
            if key != "split" {
                return Err(Error::new(key.span(), "expected split"));
            }
            split = true;
        }
        Ok(RoutineOptions { index, split })
    }
}

/// Names that the generated functions use for themselves.
const RESERVED: &[&str] = &[
    "port",
    "rights",
    "reply",
    "reply_to",
    "destination",
    "timeout",
    "w",
    "call",
    "context",
    "shape",
    "registers",
    "this",
    "request",
    "words",
    "input",
];

fn is_right(name: &Ident) -> bool {
    ["SendRight", "SendOnce", "ReceiveRight", "AnyRight"]
        .iter()
        .any(|right| name == right)
}

fn plain_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() && path.path.segments.len() == 1 => {
            let segment = &path.path.segments[0];
            matches!(segment.arguments, PathArguments::None).then_some(&segment.ident)
        }
        _ => None,
    }
}

/// `Out<T>`, `InOut<T>` or `T`.
fn direction(ty: &Type) -> (Direction, &Type) {
    if let Type::Path(path) = ty
        && path.path.segments.len() == 1
    {
        let segment = &path.path.segments[0];
        let direction = match segment.ident.to_string().as_str() {
            "Out" => Direction::Out,
            "InOut" => Direction::InOut,
            _ => return (Direction::In, ty),
        };
        if let PathArguments::AngleBracketed(arguments) = &segment.arguments
            && let Some(GenericArgument::Type(inner)) = arguments.args.first()
        {
            return (direction, inner);
        }
    }
    (Direction::In, ty)
}

fn kind(ty: &Type) -> Kind {
    if let Type::Slice(slice) = ty {
        return match plain_name(&slice.elem) {
            Some(name) if is_right(name) => Kind::RightArray(name.clone()),
            _ => Kind::Array((*slice.elem).clone()),
        };
    }
    match plain_name(ty) {
        Some(name) if name == "Str" => Kind::Str,
        Some(name) if name == "Data" => Kind::Data,
        Some(name) if name == "Bytes" => Kind::Bytes,
        Some(name) if is_right(name) => Kind::Right(name.clone()),
        _ => Kind::Wire(ty.clone()),
    }
}

impl Interface {
    fn new(options: Options, item: ItemTrait) -> Result<Interface> {
        let mut routines: Vec<Routine> = Vec::new();
        for entry in item.items {
            let TraitItem::Fn(method) = entry else {
                return Err(Error::new(entry.span(), "an interface has routines only"));
            };
            let mut found = None;
            let mut attributes = Vec::new();
            for attribute in method.attrs {
                let one_way = attribute.path().is_ident("simpleroutine");
                if one_way || attribute.path().is_ident("routine") {
                    found = Some((one_way, attribute.parse_args::<RoutineOptions>()?));
                } else {
                    attributes.push(attribute);
                }
            }
            let name = method.sig.ident.clone();
            let (one_way, routine) = found.ok_or_else(|| {
                Error::new(name.span(), "expected #[routine(N)] or #[simpleroutine(N)]")
            })?;
            let mut arguments = Vec::new();
            for input in &method.sig.inputs {
                let FnArg::Typed(typed) = input else {
                    return Err(Error::new(input.span(), "self is left out in a definition"));
                };
                let Pat::Ident(pattern) = &*typed.pat else {
                    return Err(Error::new(typed.pat.span(), "expected a name"));
                };
                if RESERVED.iter().any(|reserved| pattern.ident == reserved) {
                    let text = "the generated code uses this name; choose another";
                    return Err(Error::new(pattern.ident.span(), text));
                }
                let (direction, inner) = direction(&typed.ty);
                let kind = kind(inner);
                let type_name = quote!(#inner).to_string().replace(' ', "");
                arguments.push(Argument {
                    name: pattern.ident.clone(),
                    direction,
                    kind,
                    type_name,
                });
            }
            let routine = Routine {
                number: options.base + routine.index,
                name,
                attributes,
                one_way,
                split: routine.split,
                arguments,
            };
            routine.check()?;
            if routines
                .last()
                .is_some_and(|last| last.number >= routine.number)
            {
                return Err(Error::new(routine.name.span(), "routines must ascend"));
            }
            routines.push(routine);
        }
        Ok(Interface {
            options,
            attributes: item.attrs,
            visibility: item.vis,
            name: item.ident,
            routines,
        })
    }

    fn generate(&self) -> Tokens {
        let Interface {
            attributes,
            visibility,
            name,
            ..
        } = self;
        let methods = self.routines.iter().map(Routine::trait_method);
        let clients = self.routines.iter().map(Routine::client);
        let servers = self.routines.iter().map(|routine| routine.server(name));
        let arms = self.routines.iter().map(|routine| {
            let number = routine.number;
            let serve = routine.serve_name();
            quote!(#number => #serve(this, request),)
        });
        let table = self.table();
        quote! {
            #(#attributes)*
            #visibility trait #name {
                #(#methods)*
            }
            #(#clients)*
            #(#servers)*
            /// Serves the request if it is one of this interface's.
            #[inline]
            pub fn dispatch<T: #name + ?Sized>(
                this: &T,
                request: &mut ::machuser::Request<'_>,
            ) -> ::machuser::Outcome {
                match request.number() {
                    #(#arms)*
                    _ => ::machuser::Outcome::Unknown,
                }
            }
            #table
        }
    }

    fn table(&self) -> Tokens {
        let interface = &self.options.name;
        let base = self.options.base;
        let rows = self.routines.iter().map(|routine| {
            let Routine {
                number, one_way, ..
            } = routine;
            let name = routine.name.to_string();
            let arguments = routine.arguments.iter().map(|argument| {
                let name = argument.name.to_string();
                let type_name = &argument.type_name;
                let kind = argument.kind.table();
                let direction = match argument.direction {
                    Direction::In => quote!(In),
                    Direction::Out => quote!(Out),
                    Direction::InOut => quote!(InOut),
                };
                quote! {
                    ::machuser::table::Argument {
                        name: #name,
                        type_name: #type_name,
                        kind: #kind,
                        direction: ::machuser::table::Direction::#direction,
                    }
                }
            });
            quote! {
                ::machuser::table::Routine {
                    number: #number,
                    name: #name,
                    arguments: &[#(#arguments),*],
                    one_way: #one_way,
                }
            }
        });
        let numbers = self.routines.iter().map(|routine| {
            let constant = format_ident!("NUMBER_{}", routine.name.to_string().to_uppercase());
            let number = routine.number;
            let doc = format!("Message number of `{}`.", routine.name);
            quote!(#[doc = #doc] pub const #constant: u32 = #number;)
        });
        quote! {
            #(#numbers)*
            /// The interface's routines.
            pub static TABLE: ::machuser::table::Interface = ::machuser::table::Interface {
                name: #interface,
                base: #base,
                routines: &[#(#rows),*],
            };
        }
    }

}

impl Kind {
    /// Whether every value has the same number of words.
    fn is_fixed(&self) -> bool {
        matches!(self, Kind::Wire(_) | Kind::Right(_))
    }

    /// The constant part of the number of words.
    fn fixed_words(&self) -> Tokens {
        match self {
            Kind::Wire(ty) => quote!(<#ty as ::machuser::Wire>::WORDS),
            Kind::Right(_) | Kind::Str => quote!(0),
            _ => quote!(1),
        }
    }

    /// The part of the number of words that the value decides.
    fn value_words(&self, value: &Tokens) -> Tokens {
        match self {
            Kind::Wire(_) | Kind::Right(_) | Kind::RightArray(_) => quote!(0),
            Kind::Str => quote!(::machuser::wire::string_words(#value.len())),
            Kind::Data | Kind::Bytes => quote!(::machuser::wire::words_of(#value.len())),
            Kind::Array(ty) => quote!(#value.len() * <#ty as ::machuser::Wire>::WORDS),
        }
    }

    fn table(&self) -> Tokens {
        let right = |name: &Ident| match name.to_string().as_str() {
            "SendRight" => quote!(::machuser::wire::RightType::Send),
            "SendOnce" => quote!(::machuser::wire::RightType::SendOnce),
            "ReceiveRight" => quote!(::machuser::wire::RightType::Receive),
            _ => quote!(::machuser::wire::RightType::Any),
        };
        match self {
            Kind::Wire(ty) => quote!(<#ty as ::machuser::Wire>::KIND),
            Kind::Str => quote!(::machuser::wire::Kind::Str),
            Kind::Data | Kind::Bytes => quote!(::machuser::wire::Kind::Bytes),
            Kind::Array(ty) => {
                quote!(::machuser::wire::Kind::Array(&<#ty as ::machuser::Wire>::KIND))
            }
            Kind::Right(name) => {
                let right = right(name);
                quote!(::machuser::wire::Kind::Right(#right))
            }
            Kind::RightArray(name) => {
                let right = right(name);
                quote!(::machuser::wire::Kind::RightArray(#right))
            }
        }
    }
}

impl Argument {
    fn is_in(&self) -> bool {
        self.direction != Direction::Out
    }
    fn is_out(&self) -> bool {
        self.direction != Direction::In
    }
    fn is_data_out(&self) -> bool {
        matches!(self.kind, Kind::Data) && self.is_out()
    }

    /// Type of the parameter that a client gives.
    fn client_type(&self) -> Tokens {
        match &self.kind {
            Kind::Wire(ty) => quote!(#ty),
            Kind::Str => quote!(impl ::core::convert::AsRef<[u8]>),
            Kind::Data | Kind::Bytes => quote!(&[u8]),
            Kind::Array(ty) => quote!(&[#ty]),
            Kind::Right(_) => quote!(impl ::core::convert::Into<::machuser::Right<'a>>),
            Kind::RightArray(_) => quote!(::machuser::Vec<::machuser::Right<'a>>),
        }
    }

    /// Type of a result that a client gets.
    fn client_result(&self) -> Tokens {
        match &self.kind {
            Kind::Wire(ty) => quote!(#ty),
            Kind::Str | Kind::Bytes => quote!(::machuser::Vec<u8>),
            Kind::Data => quote!(usize),
            Kind::Array(ty) => quote!(::machuser::Vec<#ty>),
            Kind::Right(name) => quote!(::core::option::Option<::machuser::#name>),
            Kind::RightArray(name) => {
                quote!(::machuser::Vec<::core::option::Option<::machuser::#name>>)
            }
        }
    }

    /// Type of the parameter that a server's method gets.
    fn server_type(&self) -> Tokens {
        match &self.kind {
            Kind::Wire(ty) => quote!(#ty),
            Kind::Str => quote!(&[u8]),
            Kind::Data => quote!(::machuser::Data<'_>),
            Kind::Bytes => quote!(::machuser::Vec<u8>),
            _ => self.client_result(),
        }
    }

    /// Type of a result that a server's method answers.
    fn server_result(&self) -> Tokens {
        match &self.kind {
            Kind::Right(_) => quote!(::machuser::Right<'static>),
            Kind::RightArray(_) => quote!(::machuser::Vec<::machuser::Right<'static>>),
            _ => self.client_result(),
        }
    }
}

fn sum(parts: impl Iterator<Item = Tokens>) -> Tokens {
    quote!(0usize #(+ #parts)*)
}

fn tuple(types: Vec<Tokens>) -> Tokens {
    match types.len() {
        1 => quote!(#(#types)*),
        _ => quote!((#(#types),*)),
    }
}

impl Routine {
    fn check(&self) -> Result<()> {
        let error = |text: &str| Err(Error::new(self.name.span(), text));
        if self.one_way && self.outs().next().is_some() {
            return error("a simple routine has no results");
        }
        let mut variable_before = false;
        let mut data = 0;
        for argument in self.outs() {
            if argument.is_data_out() {
                data += 1;
                if variable_before {
                    return error("only fixed results may stand before Out<Data>");
                }
                if argument.direction == Direction::InOut {
                    return error("Data cannot be InOut");
                }
            }
            variable_before |= !argument.kind.is_fixed();
        }
        if data > 1 {
            return error("there can be one Out<Data> only");
        }
        Ok(())
    }

    fn ins(&self) -> impl Iterator<Item = &Argument> + Clone {
        self.arguments.iter().filter(|argument| argument.is_in())
    }
    fn outs(&self) -> impl Iterator<Item = &Argument> + Clone {
        self.arguments.iter().filter(|argument| argument.is_out())
    }
    fn data_out(&self) -> Option<&Argument> {
        self.outs().find(|argument| argument.is_data_out())
    }
    fn serve_name(&self) -> Ident {
        format_ident!("serve_{}", self.name)
    }
    fn takes_rights(&self) -> bool {
        self.ins()
            .any(|a| matches!(a.kind, Kind::Right(_) | Kind::RightArray(_)))
    }
    fn gives_rights(&self) -> bool {
        self.outs()
            .any(|a| matches!(a.kind, Kind::Right(_) | Kind::RightArray(_)))
    }
    /// Whether four registers may be enough; the types decide at compile time.
    fn may_be_plain(&self) -> bool {
        !self.one_way
            && self
                .arguments
                .iter()
                .all(|a| matches!(a.kind, Kind::Wire(_)))
    }
    fn in_words(&self) -> Tokens {
        sum(self.ins().map(|argument| argument.kind.fixed_words()))
    }
    fn out_words(&self) -> Tokens {
        sum(self.outs().map(|argument| argument.kind.fixed_words()))
    }

    fn server_outputs(&self) -> Tokens {
        tuple(
            self.outs()
                .filter(|a| !a.is_data_out())
                .map(Argument::server_result)
                .collect(),
        )
    }

    fn trait_method(&self) -> Tokens {
        let Routine {
            name, attributes, ..
        } = self;
        let parameters = self.arguments.iter().filter_map(|argument| {
            let name = &argument.name;
            if argument.is_data_out() {
                Some(quote!(#name: &mut ::machuser::DataOut<'_>))
            } else if argument.is_in() {
                let ty = argument.server_type();
                Some(quote!(#name: #ty))
            } else {
                None
            }
        });
        let names = self
            .arguments
            .iter()
            .filter(|argument| argument.is_in() || argument.is_data_out())
            .map(|argument| &argument.name);
        let result = self.server_outputs();
        quote! {
            #(#attributes)*
            #[allow(clippy::too_many_arguments, clippy::type_complexity)]
            fn #name(
                &self,
                call: &::machuser::Call<'_>,
                #(#parameters),*
            ) -> ::machuser::Result<#result> {
                let _ = (call, #(#names,)*);
                ::core::result::Result::Err(::machuser::Error::EOPNOTSUPP)
            }
        }
    }

    fn client_generics(&self) -> Tokens {
        if self.takes_rights() {
            quote!(<'a>)
        } else {
            quote!()
        }
    }

    /// Parameters of the client functions, without the port.
    fn client_parameters(&self, with_buffers: bool) -> Vec<Tokens> {
        self.arguments
            .iter()
            .filter_map(|argument| {
                let name = &argument.name;
                if argument.is_data_out() {
                    with_buffers.then(|| quote!(#name: &mut [u8]))
                } else if argument.is_in() {
                    let ty = argument.client_type();
                    Some(quote!(#name: #ty))
                } else {
                    None
                }
            })
            .collect()
    }

    /// Statements that turn the parameters into what encoding needs, and collect the rights into
    /// `rights` after noting the counts of arrays.
    fn client_prepare(&self) -> Tokens {
        let statements = self.ins().map(|argument| {
            let name = &argument.name;
            match &argument.kind {
                Kind::Str => quote! {
                    let #name = #name.as_ref();
                    ::machuser::wire::check_string(#name)?;
                },
                _ => quote!(),
            }
        });
        let rights = collect_rights(self.ins().map(|argument| (&argument.name, &argument.kind)));
        quote! {
            #(#statements)*
            #rights
        }
    }

    /// Statements that write the in arguments to `w`.
    fn client_encode(&self) -> Tokens {
        let statements = self.ins().map(|argument| {
            let name = &argument.name;
            match &argument.kind {
                Kind::Wire(_) => quote!(::machuser::Wire::encode(&#name, w);),
                Kind::Str => quote!(w.string(#name);),
                Kind::Data | Kind::Bytes => quote!(w.bytes(#name);),
                Kind::Array(_) => quote!(w.array(#name);),
                Kind::Right(_) => quote!(),
                Kind::RightArray(_) => {
                    let count = format_ident!("{}_count", name);
                    quote!(::machuser::Wire::encode(&#count, w);)
                }
            }
        });
        quote!(#(#statements)*)
    }

    fn client_body_words(&self) -> Tokens {
        sum(self.ins().map(|argument| {
            let name = &argument.name;
            let fixed = argument.kind.fixed_words();
            let value = argument.kind.value_words(&quote!(#name));
            quote!((#fixed + #value))
        }))
    }

    fn client_outputs(&self) -> Tokens {
        tuple(self.outs().map(Argument::client_result).collect())
    }

    /// Statements that read the results from `reply` into variables, and the tuple of these.
    fn client_decode(&self) -> (Tokens, Tokens) {
        let statements = self.outs().map(|argument| {
            let name = &argument.name;
            let result = format_ident!("out_{}", name);
            match &argument.kind {
                Kind::Wire(ty) => {
                    quote!(let #result = <#ty as ::machuser::Wire>::decode(&mut reply)?;)
                }
                Kind::Data => quote!(let #result = reply.data(#name)?;),
                Kind::Str => quote!(let #result = reply.string()?;),
                Kind::Bytes => quote!(let #result = reply.bytes()?;),
                Kind::Array(ty) => quote!(let #result = reply.array::<#ty>()?;),
                Kind::Right(right) => quote!(let #result = reply.right::<::machuser::#right>()?;),
                Kind::RightArray(right) => {
                    quote!(let #result = reply.rights::<::machuser::#right>()?;)
                }
            }
        });
        let statements = quote!(#(#statements)*);
        let names = self.outs().map(|a| {
            let name = format_ident!("out_{}", a.name);
            quote!(#name)
        });
        (statements, tuple(names.collect()))
    }

    fn client(&self) -> Tokens {
        if self.one_way {
            return self.client_one_way();
        }
        let Routine {
            name,
            number,
            attributes,
            ..
        } = self;
        let generics = self.client_generics();
        let parameters = self.client_parameters(true);
        let result = self.client_outputs();
        let prepare = self.client_prepare();
        let encode = self.client_encode();
        let body_words = self.client_body_words();
        let (decode, values) = self.client_decode();
        let (takes, gives) = (self.takes_rights(), self.gives_rights());
        let out_words = self.out_words();
        let reply_words = match self.data_out() {
            Some(argument) => {
                let buffer = &argument.name;
                quote!(#out_words + ::machuser::wire::words_of(
                    #buffer.len().min(::machuser::MAX_BULK)))
            }
            // Everything else that is of variable size is fetched if it does not fit.
            None => quote!(0),
        };
        let plain = self.may_be_plain().then(|| {
            let in_words = self.in_words();
            let puts = self.ins().map(|argument| {
                let name = &argument.name;
                quote!(::machuser::Wire::encode(&#name, &mut registers);)
            });
            let takes = self.outs().map(|argument| {
                let name = format_ident!("out_{}", argument.name);
                let Kind::Wire(ty) = &argument.kind else {
                    unreachable!("checked")
                };
                quote! {
                    let #name = <#ty as ::machuser::Wire>::decode(&mut registers)
                        .map_err(|_| ::machuser::Error::MIG_TYPE_ERROR)?;
                }
            });
            let values = &values;
            quote! {
                const IN_WORDS: usize = #in_words;
                const OUT_WORDS: usize = #out_words;
                if IN_WORDS <= 4 && OUT_WORDS <= 4 {
                    #[allow(unused_mut)]
                    let mut registers = ::machuser::wire::Registers::default();
                    #(#puts)*
                    #[allow(unused_mut, unused_variables)]
                    let mut registers = ::machuser::client::call_registers(
                        port, #number, IN_WORDS, registers, OUT_WORDS)?;
                    #(#takes)*
                    return ::core::result::Result::Ok(#values);
                }
            }
        });
        let inline = plain.is_some().then(|| quote!(#[inline]));
        let split = self.split.then(|| self.client_split());
        quote! {
            #(#attributes)*
            #inline
            #[allow(clippy::too_many_arguments, clippy::type_complexity)]
            pub fn #name #generics(
                port: impl ::machuser::AsName,
                #(#parameters),*
            ) -> ::machuser::Result<#result> {
                let port = port.as_name();
                #plain
                #prepare
                let shape = ::machuser::client::Shape {
                    number: #number,
                    body_words: #body_words,
                    reply_words: #reply_words,
                    wants_rights: #gives,
                    has_rights: #takes,
                };
                #[allow(unused_mut, unused_variables)]
                let mut reply = ::machuser::client::Reply::default();
                ::machuser::client::invoke(port, shape, rights, &mut reply, &|w| { #encode })?;
                #decode
                reply.finish()?;
                ::core::result::Result::Ok(#values)
            }
            #split
        }
    }

    fn client_one_way(&self) -> Tokens {
        let Routine {
            name,
            number,
            attributes,
            ..
        } = self;
        let send = format_ident!("send_{}", name);
        let generics = self.client_generics();
        let parameters = self.client_parameters(false);
        let arguments: Vec<_> = self.ins().map(|argument| &argument.name).collect();
        let prepare = self.client_prepare();
        let encode = self.client_encode();
        let body_words = self.client_body_words();
        let doc = format!(
            "[`{name}`], to a right that the message may use up, waiting for room in the queue for \
             at most `timeout`."
        );
        quote! {
            #(#attributes)*
            #[allow(clippy::too_many_arguments)]
            pub fn #name #generics(
                port: impl ::machuser::AsName,
                #(#parameters),*
            ) -> ::machuser::Result<()> {
                let destination = ::machuser::Right::copy_named(port.as_name());
                #send(destination, #(#arguments,)* ::core::option::Option::None)
            }
            #[doc = #doc]
            #[allow(clippy::too_many_arguments)]
            pub fn #send<'a>(
                destination: impl ::core::convert::Into<::machuser::Right<'a>>,
                #(#parameters,)*
                timeout: ::core::option::Option<::core::time::Duration>,
            ) -> ::machuser::Result<()> {
                #prepare
                ::machuser::client::send(
                    destination.into(), #number, #body_words, rights,
                    ::core::option::Option::None, timeout, &|w| { let _ = &w; #encode })
            }
        }
    }

    /// The routine in two one-way messages.
    fn client_split(&self) -> Tokens {
        let Routine { name, number, .. } = self;
        let send = format_ident!("send_{}", name);
        let reply = format_ident!("reply_{}", name);
        let answer = format_ident!("answer_of_{}", name);
        let parameters = self.client_parameters(false);
        let prepare = self.client_prepare();
        let encode = self.client_encode();
        let body_words = self.client_body_words();
        let send_doc = format!(
            "Sends [`{name}`] as a message; the answer goes to `reply_to`, where \
             [`{answer}`] reads it. With a null `reply_to` there is no answer."
        );
        let reply_doc = format!("Answers a [`{name}`] whose reply right was taken.");
        let answer_doc = format!("Reads the answer of [`{send}`].");

        let server_result = self.server_outputs();
        let (names, words, rights, outs) = self.server_encode();
        let client_result = self.client_outputs();
        let decode = self.outs().map(|argument| {
            let name = format_ident!("out_{}", argument.name);
            let value = server_decode(&argument.kind);
            quote!(let #name = #value;)
        });
        let values = tuple(
            self.outs()
                .map(|a| {
                    let name = format_ident!("out_{}", a.name);
                    quote!(#name)
                })
                .collect(),
        );
        quote! {
            #[doc = #send_doc]
            #[allow(clippy::too_many_arguments)]
            pub fn #send<'a>(
                destination: impl ::core::convert::Into<::machuser::Right<'a>>,
                #(#parameters,)*
                reply_to: impl ::core::convert::Into<::machuser::Right<'a>>,
                timeout: ::core::option::Option<::core::time::Duration>,
            ) -> ::machuser::Result<()> {
                #prepare
                let reply_to = reply_to.into();
                let reply_to = if reply_to.argument().name == 0 {
                    ::core::option::Option::None
                } else {
                    ::core::option::Option::Some(reply_to)
                };
                ::machuser::client::send(
                    destination.into(), #number, #body_words, rights,
                    reply_to, timeout, &|w| { let _ = &w; #encode })
            }
            #[doc = #reply_doc]
            pub fn #reply(
                to: ::machuser::AnyRight,
                result: ::machuser::Result<#server_result>,
            ) -> ::machuser::Result<()> {
                match result {
                    ::core::result::Result::Ok(#names) => {
                        let words = #words;
                        #rights
                        ::machuser::server::send_answer(
                            to.into(), #number,
                            ::core::result::Result::Ok((words, rights, &|w| { let _ = &w; #outs })))
                    }
                    ::core::result::Result::Err(error) => ::machuser::server::send_answer(
                        to.into(), #number, ::core::result::Result::Err(error)),
                }
            }
            #[doc = #answer_doc]
            pub fn #answer(
                message: ::machuser::sys::Message,
            ) -> ::machuser::Result<#client_result> {
                #[allow(unused_variables)]
                let (words, rights) = ::machuser::server::read_answer(message, #number)?;
                let mut input = ::machuser::server::input_of(&words, rights);
                #(#decode)*
                input.finish()?;
                ::core::result::Result::Ok(#values)
            }
        }
    }

    /// For the results of a server's method: the pattern that binds them, the number of words, the
    /// statements that make `rights`, and those that write the body to `w`.
    fn server_encode(&self) -> (Tokens, Tokens, Tokens, Tokens) {
        let names = tuple(
            self.outs()
                .filter(|a| !a.is_data_out())
                .map(|a| {
                    let name = format_ident!("out_{}", a.name);
                    quote!(#name)
                })
                .collect(),
        );
        let words = sum(self.outs().map(|argument| {
            let name = format_ident!("out_{}", argument.name);
            let fixed = argument.kind.fixed_words();
            let value = argument.kind.value_words(&quote!(#name));
            quote!((#fixed + #value))
        }));
        let given: Vec<_> = self
            .outs()
            .map(|argument| (format_ident!("out_{}", argument.name), &argument.kind))
            .collect();
        let rights = collect_rights(given.iter().map(|(name, kind)| (name, *kind)));
        let outs = self.outs().map(|argument| {
            let name = format_ident!("out_{}", argument.name);
            match &argument.kind {
                Kind::Wire(_) => quote!(::machuser::Wire::encode(&#name, w);),
                Kind::Data => quote!(w.data(data);),
                Kind::Str => quote!(w.string(&#name);),
                Kind::Bytes => quote!(w.bytes(&#name);),
                Kind::Array(_) => quote!(w.array(&#name);),
                Kind::Right(_) => quote!(),
                Kind::RightArray(_) => {
                    let count = format_ident!("out_{}_count", argument.name);
                    quote!(::machuser::Wire::encode(&#count, w);)
                }
            }
        });
        let outs = quote!(#(#outs)*);
        (names, words, rights, outs)
    }

    fn server(&self, interface: &Ident) -> Tokens {
        let Routine { name, .. } = self;
        let serve = self.serve_name();
        let (takes, gives) = (self.takes_rights(), self.gives_rights());
        let has_data_out = self.data_out().is_some();

        let decodes = self.ins().map(|argument| {
            let name = format_ident!("in_{}", argument.name);
            let value = server_decode(&argument.kind);
            let own = (has_data_out && matches!(argument.kind, Kind::Data)).then(|| {
                // The reply's data may overwrite it.
                let bytes = format_ident!("bytes_{}", argument.name);
                quote! {
                    let #bytes = #name.to_vec();
                    let #name = ::machuser::Data::from_slice(&#bytes);
                }
            });
            quote!(let #name = #value; #own)
        });
        let arguments = self.arguments.iter().filter_map(|argument| {
            let name = format_ident!("in_{}", argument.name);
            let data = format_ident!("out_{}", argument.name);
            if argument.is_data_out() {
                Some(quote!(&mut #data))
            } else if argument.is_in() {
                Some(match argument.kind {
                    Kind::Str => quote!(&#name),
                    _ => quote!(#name),
                })
            } else {
                None
            }
        });
        let (data_setup, data_done, data_argument) = match self.data_out() {
            Some(argument) => {
                let data = format_ident!("out_{}", argument.name);
                let at = self.outs().position(Argument::is_data_out).unwrap_or(0);
                let before = sum(self.outs().take(at).map(|a| a.kind.fixed_words()));
                let after = sum(self.outs().skip(at + 1).map(|a| a.kind.fixed_words()));
                (
                    quote!(let mut #data = request.data_out(&snapshot, #before, #after);),
                    quote!(let #data = #data.done();),
                    quote!(#data),
                )
            }
            None => (quote!(), quote!(), quote!(::machuser::server::Written::NOTHING)),
        };
        let (names, words, rights, outs) = self.server_encode();
        let checks = self.outs().filter(|a| matches!(a.kind, Kind::Str)).map(|argument| {
            let name = format_ident!("out_{}", argument.name);
            quote! {
                if let ::core::result::Result::Err(error) = ::machuser::wire::check_result(&#name) {
                    return request.fail(&snapshot, error);
                }
            }
        });
        let checks = quote!(#(#checks)*);
        let plain = self.may_be_plain().then(|| {
            let in_words = self.in_words();
            let out_words = self.out_words();
            let decodes = self.ins().map(|argument| {
                let name = format_ident!("in_{}", argument.name);
                let Kind::Wire(ty) = &argument.kind else {
                    unreachable!("checked")
                };
                quote! {
                    let #name = match <#ty as ::machuser::Wire>::decode(&mut registers) {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(error) => return request.answer_error(error),
                    };
                }
            });
            let arguments = self
                .ins()
                .map(|argument| format_ident!("in_{}", argument.name));
            let encodes = self.outs().map(|argument| {
                let name = format_ident!("out_{}", argument.name);
                quote!(::machuser::Wire::encode(&#name, &mut registers);)
            });
            let names = &names;
            quote! {
                const IN_WORDS: usize = #in_words;
                const OUT_WORDS: usize = #out_words;
                if IN_WORDS <= 4 && OUT_WORDS <= 4 {
                    #[allow(unused_mut, unused_variables)]
                    if let ::core::option::Option::Some(mut registers) = request.plain(IN_WORDS) {
                        #(#decodes)*
                        let call = request.plain_call();
                        return match #interface::#name(this, &call, #(#arguments),*) {
                            ::core::result::Result::Ok(#names) => {
                                #[allow(unused_mut)]
                                let mut registers = ::machuser::wire::Registers::default();
                                #(#encodes)*
                                request.answer_plain(OUT_WORDS, registers)
                            }
                            ::core::result::Result::Err(error) => request.answer_error(error),
                        };
                    }
                }
            }
        });
        let inline = if plain.is_some() {
            quote!(#[inline])
        } else {
            quote!()
        };
        let slow = format_ident!("serve_{}_message", name);
        quote! {
            #inline
            fn #serve<T: #interface + ?Sized>(
                this: &T,
                request: &mut ::machuser::Request<'_>,
            ) -> ::machuser::Outcome {
                #plain
                #slow(this, request)
            }
            #[inline(never)]
            fn #slow<T: #interface + ?Sized>(
                this: &T,
                request: &mut ::machuser::Request<'_>,
            ) -> ::machuser::Outcome {
                let mut snapshot = ::machuser::server::Snapshot::new();
                let opened = match request.open(&mut snapshot, #gives, #takes) {
                    ::core::result::Result::Ok(opened) => opened,
                    ::core::result::Result::Err(answered) => return answered,
                };
                let caller = opened.caller;
                let call = request.call(&snapshot, caller);
                let mut input = snapshot.input(opened);
                #data_setup
                #[allow(clippy::redundant_closure_call)]
                let result = (|| {
                    #(#decodes)*
                    input.finish()?;
                    #interface::#name(this, &call, #(#arguments),*)
                })();
                match result {
                    ::core::result::Result::Ok(#names) => {
                        #checks
                        #data_done
                        let words = #words;
                        #rights
                        request.reply(&snapshot, caller, words, #data_argument, rights, &|w, data| {
                            let _ = (&w, &data);
                            #outs
                        })
                    }
                    ::core::result::Result::Err(error) => request.fail(&snapshot, error),
                }
            }
        }
    }

}

/// Statements that note the counts of the arrays of rights among `arguments`, and collect all
/// rights into `rights`.
fn collect_rights<'a>(arguments: impl Iterator<Item = (&'a Ident, &'a Kind)> + Clone) -> Tokens {
    let is_array = |kind: &Kind| matches!(kind, Kind::RightArray(_));
    if !arguments.clone().any(|(_, kind)| is_array(kind)) {
        let rights = arguments
            .filter(|(_, kind)| matches!(kind, Kind::Right(_)))
            .map(|(name, _)| quote!(#name.into()));
        return quote!(let rights: &mut [::machuser::Right<'_>] = &mut [#(#rights),*];);
    }
    let counts = arguments
        .clone()
        .filter(|(_, kind)| is_array(kind))
        .map(|(name, _)| {
            let count = format_ident!("{}_count", name);
            quote!(let #count = #name.len();)
        });
    let rights = arguments.filter_map(|(name, kind)| match kind {
        Kind::Right(_) => Some(quote!(rights.push(#name.into());)),
        Kind::RightArray(_) => Some(quote!(rights.extend(#name);)),
        _ => None,
    });
    quote! {
        #(#counts)*
        let mut rights = ::machuser::Vec::new();
        #(#rights)*
        let rights: &mut [::machuser::Right<'_>] = &mut rights;
    }
}

/// The expression that reads an argument from `input`.
fn server_decode(kind: &Kind) -> Tokens {
    match kind {
        Kind::Wire(ty) => quote!(<#ty as ::machuser::Wire>::decode(&mut input.reader)?),
        Kind::Str => quote!(input.reader.string()?),
        Kind::Data => quote!(input.reader.data()?),
        Kind::Bytes => quote!(input.reader.bytes(usize::MAX)?),
        Kind::Array(ty) => quote!(input.reader.array::<#ty>()?),
        Kind::Right(right) => quote!(input.right::<::machuser::#right>()?),
        Kind::RightArray(right) => quote!(input.rights::<::machuser::#right>()?),
    }
}
