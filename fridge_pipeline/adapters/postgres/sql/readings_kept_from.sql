select fridge.kept_from();
