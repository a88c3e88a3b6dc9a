//! `images`: other names, tags and digests for container images.

use std::borrow::Cow;

use regex::Regex;

use crate::{
    kustomize::{
        Resource, Stop, fails,
        field_specs::{Configuration, Make},
        file::Kustomization,
        refused,
    },
    node::{Kind, Node},
    source::Place,
};

/// An entry of `images`.
struct Image<'n> {
    name: Name<'n>,
    new_name: &'n str,
    new_tag: &'n str,
    digest: &'n str,
    tag_suffix: &'n str,
    place: Place,
}

/// The name that an image must have. kustomize takes it for a regular expression, so that a point stands for any letter.
enum Name<'n> {
    Plain(&'n str),
    Regex(Regex),
}

/// Changes the images: where the fields say they are, and in all lists called `containers` and `initContainers`.
pub(in crate::kustomize) fn apply(
    resources: &mut [Resource],
    kustomization: &Kustomization<'_>,
    fields: &Configuration,
) -> Result<(), Stop> {
    for entry in kustomization.list("images").iter().chain(kustomization.list("imageTags")) {
        let image = Image::read(entry)?;
        for resource in resources.iter_mut() {
            let object = &mut resource.object;
            if object.get("kind").and_then(Node::as_str) == Some("CustomResourceDefinition") {
                continue;
            }
            image.change_containers(object)?;
            for field in &fields.images {
                field.visit(object, Make::Nothing, image.place, &mut |node| image.change(node))?;
            }
        }
    }
    Ok(())
}

impl<'n> Image<'n> {
    fn read(entry: &'n Node) -> Result<Self, Stop> {
        let text = |key: &str| entry.get(key).and_then(Node::as_str).unwrap_or_default();
        let given = ["newTag", "digest", "newName", "tagSuffix"].into_iter().find_map(|key| entry.get(key));
        Ok(Image {
            name: Name::read(text("name"), entry.place)?,
            new_name: text("newName"),
            new_tag: text("newTag"),
            digest: text("digest"),
            tag_suffix: text("tagSuffix"),
            place: given.map_or(entry.place, |given| given.place),
        })
    }

    /// Changes the images of all containers below a value.
    fn change_containers(&self, node: &mut Node) -> Result<(), Stop> {
        match &mut node.kind {
            Kind::List(items) => items.iter_mut().try_for_each(|item| self.change_containers(item)),
            Kind::Map(entries) => entries.values_mut().try_for_each(|(key, value)| {
                self.change_containers(value)?;
                if !matches!(key, "containers" | "initContainers") {
                    return Ok(());
                }
                value.items_mut().into_iter().flatten().try_for_each(|container| match container.kind {
                    Kind::Map(_) => container.get_mut("image").map_or(Ok(()), |image| self.change(image)),
                    Kind::Null => Ok(()),
                    _ => Err(fails("a list of containers has an item that is no map", container.place)),
                })
            }),
            _ => Ok(()),
        }
    }

    fn change(&self, node: &mut Node) -> Result<(), Stop> {
        let value = match &node.kind {
            Kind::String(text) => text,
            Kind::Map(_) | Kind::List(_) => return Err(fails("an image is no text", node.place)),
            _ => return Ok(()),
        };
        if !self.name.matches(value) {
            return Ok(());
        }
        let (name, tag, digest) = split(value);
        let name = if self.new_name.is_empty() { name } else { self.new_name };
        let (tag, digest) = match (self.new_tag, self.digest) {
            ("", "") if self.tag_suffix.is_empty() => (Cow::Borrowed(tag), digest),
            ("", "") => (Cow::Owned(format!("{tag}{}", self.tag_suffix)), ""),
            (tag, digest) => (Cow::Borrowed(tag), digest),
        };
        let mut image = name.to_owned();
        if !tag.is_empty() {
            image = format!("{image}:{tag}");
        }
        if !digest.is_empty() {
            image = format!("{image}@{digest}");
        }
        *node = Node { place: self.place, kind: Kind::String(image) };
        Ok(())
    }
}

impl<'n> Name<'n> {
    fn read(name: &'n str, place: Place) -> Result<Self, Stop> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b':' | b'@' | b'.');
        if name.bytes().all(plain) {
            return Ok(Name::Plain(name));
        }
        let pattern = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
        Regex::new(&pattern).map(Name::Regex).map_err(|_| refused(format!("the image name `{name}`"), place))
    }

    fn matches(&self, image: &str) -> bool {
        let name = match self {
            Name::Regex(regex) => return regex.is_match(image),
            Name::Plain(name) => *name,
        };
        let mut letters = image.chars();
        for wanted in name.chars() {
            match letters.next() {
                Some(letter) if letter == wanted || wanted == '.' => {}
                _ => return false,
            }
        }
        let part = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.{}-".contains(&b));
        let rest = letters.as_str();
        let (tag, digest) = match rest.split_once('@') {
            Some((tag, digest)) => (tag, digest.strip_prefix("sha256:")),
            None => (rest, Some("")),
        };
        let tag = if tag.is_empty() { Some("") } else { tag.strip_prefix(':') };
        tag.is_some_and(part) && digest.is_some_and(part)
    }
}

/// Name, tag and digest of an image, empty where there is none.
fn split(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').unwrap_or_default();
    let digest = image[from..].find('@').map(|at| at + from);
    let tag = image[from..].find(':').map(|at| at + from);
    match (tag, digest) {
        (None, None) => (image, "", ""),
        (Some(tag), Some(digest)) if tag < digest => (&image[..tag], &image[tag + 1..digest], &image[digest + 1..]),
        (_, Some(digest)) => (&image[..digest], "", &image[digest + 1..]),
        (Some(tag), None) => (&image[..tag], &image[tag + 1..], ""),
    }
}
